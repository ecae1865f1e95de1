//! One walk over any kind: unknown fields and wrong types, as the API server's decoder finds them.

mod table;

use serde_json::Value as Json;

use super::diagnostic::{self, Problem};
use super::document::Kind;
use super::{FieldPath, NodeId, Span, Step, Tree, Value};
use crate::limits;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Text,
    Int32,
    Int64,
    Bool,
    IntOrString,
    Quantity,
    Any,
    List(&'static Field),
    Map(&'static Field),
    Struct(usize),
}

/// A type of the API with its fields, by their names' lengths, then by name: most comparisons are
/// then of two numbers.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Field)],
}

impl Type {
    fn field(&self, name: &str) -> Option<&'static (&'static str, Field)> {
        let order = |own: &str| (own.len(), own).cmp(&(name.len(), name));
        let at = self.fields.binary_search_by(|(own, _)| order(own)).ok()?;
        self.fields.get(at)
    }
}

/// What the walk found: a problem, at a field, at a place.
pub(super) type Found = (Problem, FieldPath, Span);

/// Checks an object against the type of its kind.
pub(super) fn check(tree: &Tree<'_>, top: NodeId, kind: Kind) -> Vec<Found> {
    let mut walk = Walk { tree, path: Vec::new(), found: Vec::new(), nodes: 0 };
    walk.field(top, Field::Struct(table::root(kind)), tree.span(top));
    walk.found
}

enum Crumb<'t> {
    Key(&'t str),
    Index(usize),
}

struct Walk<'t> {
    tree: &'t Tree<'t>,
    path: Vec<Crumb<'t>>,
    found: Vec<Found>,
    nodes: usize,
}

impl<'t> Walk<'t> {
    fn say(&mut self, problem: Problem, span: Span) {
        let steps = self.path.iter().map(|crumb| match crumb {
            Crumb::Key(key) => Step::Key((*key).to_owned()),
            Crumb::Index(index) => Step::Index(u32::try_from(*index).unwrap_or(u32::MAX)),
        });
        self.found.push((problem, FieldPath(steps.collect()), span));
    }

    fn field(&mut self, at: NodeId, field: Field, span: Span) {
        self.nodes += 1;
        if self.path.len() > limits::DEPTH_LEVELS {
            self.say(diagnostic::too_deep(limits::DEPTH_LEVELS), span);
            return;
        }
        if self.nodes > limits::OBJECT_VALUES || self.found.len() > limits::DIAGNOSTICS {
            return;
        }
        let value = self.tree.value(at);
        let fits = match (field, value) {
            (_, Value::Null) | (Field::Any, _) => return,
            (Field::Text, Value::String(_)) | (Field::Bool, Value::Bool(_)) => return,
            (Field::Int32, value) => whole(value).is_some_and(|int| i32::try_from(int).is_ok()),
            (Field::Int64, value) => whole(value).is_some(),
            (Field::IntOrString, Value::String(_)) => return,
            (Field::IntOrString, value) => {
                whole(value).is_some_and(|int| i32::try_from(int).is_ok())
            }
            (
                Field::Quantity,
                Value::String(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_),
            ) => return,
            (Field::List(items), Value::List) => {
                let tree = self.tree;
                for (index, item) in tree.items(at).enumerate() {
                    self.path.push(Crumb::Index(index));
                    self.field(item, *items, tree.span(item));
                    self.path.pop();
                }
                return;
            }
            (Field::Map(values), Value::Map) => {
                let tree = self.tree;
                for entry in tree.entries(at) {
                    self.path.push(Crumb::Key(entry.key));
                    self.field(entry.value, *values, tree.span(entry.value));
                    self.path.pop();
                }
                return;
            }
            (Field::Struct(number), Value::Map) => {
                self.fields(at, number);
                return;
            }
            _ => false,
        };
        if !fits {
            let problem = wrong_type(self.tree, at, field);
            self.say(problem, span);
        }
    }

    fn fields(&mut self, at: NodeId, number: usize) {
        let Some(own) = table::TYPES.get(number) else { return };
        let tree = self.tree;
        for entry in tree.entries(at) {
            self.path.push(Crumb::Key(entry.key));
            match own.field(entry.key) {
                Some((_, field)) => self.field(entry.value, *field, tree.span(entry.value)),
                None => {
                    let problem = diagnostic::unknown_field(entry.key);
                    let problem = match nearest(own, entry.key) {
                        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                        None => problem,
                    };
                    self.say(problem, entry.key_span);
                }
            }
            self.path.pop();
        }
    }
}

/// A number without a fraction, as Go's decoder takes it for an integer.
pub(super) fn whole(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(int) => Some(int),
        Value::Float(float) if float.fract() == 0.0 && float.abs() < 1e15 => Some(float as i64),
        _ => None,
    }
}

fn wrong_type(tree: &Tree<'_>, at: NodeId, field: Field) -> Problem {
    let value = tree.value(at);
    let expected = expected(field);
    let problem = diagnostic::wrong_type(&describe(value), &expected);
    let raw = tree.raw(at);
    match (value, field) {
        (Value::Bool(value), Field::Text) if raw != value.to_string() => {
            problem.help(format!("YAML reads `{raw}` as the boolean {value}: quote it, \"{raw}\""))
        }
        (Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_), Field::Text) => {
            problem.help(format!("quote it: \"{raw}\""))
        }
        _ => problem,
    }
}

/// What a value is, as the API server's messages name it.
pub(super) fn describe(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Int(int) => format!("number {int}"),
        Value::Uint(int) => format!("number {int}"),
        Value::Float(float) => format!("number {float}"),
        Value::String(_) => "string".to_owned(),
        Value::List => "array".to_owned(),
        Value::Map => "object".to_owned(),
    }
}

fn expected(field: Field) -> String {
    match field {
        Field::Text => "string".to_owned(),
        Field::Int32 => "int32".to_owned(),
        Field::Int64 => "int64".to_owned(),
        Field::Bool => "bool".to_owned(),
        Field::IntOrString => "int32 or string".to_owned(),
        Field::Quantity => "quantity".to_owned(),
        Field::Any => "any".to_owned(),
        Field::List(items) => format!("list of {}", expected(*items)),
        Field::Map(values) => format!("map of {}", expected(*values)),
        Field::Struct(number) => {
            table::TYPES.get(number).map_or_else(String::new, |own| own.name.to_owned())
        }
    }
}

/// A field of a type that differs from a word in its letters' case, or by one letter.
fn nearest(own: &'static Type, word: &str) -> Option<&'static str> {
    let names = || own.fields.iter().map(|(name, _)| *name);
    names()
        .find(|name| name.eq_ignore_ascii_case(word))
        .or_else(|| names().find(|name| word.len() > 3 && is_one_letter_off(name, word)))
}

fn is_one_letter_off(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = long.bytes().zip(short.bytes()).take_while(|(a, b)| a == b).count();
    let rest = usize::from(long.len() == short.len());
    long.as_bytes().get(same + 1..) == short.as_bytes().get(same + rest..)
}

/// A field as it would be stored.
pub(super) enum Stored {
    /// It is not there, or null.
    Missing,
    /// An empty list, map or string: left out where it may be.
    Empty,
    Value(Json),
}

/// A field of an object as it would be stored: known fields only, and none that are empty.
pub(super) fn stored(tree: &Tree<'_>, top: NodeId, kind: Kind, field: &str) -> Stored {
    let own = table::TYPES.get(table::root(kind));
    let known = own.and_then(|own| own.fields.iter().find(|(name, _)| *name == field));
    match (known, tree.get(top, field)) {
        (Some((_, field)), Some(at)) => {
            // A custom resource is stored as it was written.
            let keep_empty = kind.is_custom();
            store(tree, at, *field, keep_empty, 0)
        }
        _ => Stored::Missing,
    }
}

fn store(tree: &Tree<'_>, at: NodeId, field: Field, keep_empty: bool, depth: usize) -> Stored {
    if depth > limits::DEPTH_LEVELS {
        return Stored::Missing;
    }
    let keep = |stored, empty: fn() -> Json| match stored {
        Stored::Value(value) => value,
        Stored::Empty | Stored::Missing => empty(),
    };
    let text = || Json::from("");
    let object = || Json::Object(serde_json::Map::new());
    match (field, tree.value(at)) {
        (_, Value::Null) => Stored::Missing,
        (_, Value::Bool(value)) => Stored::Value(Json::from(value)),
        (_, Value::String(value)) => Stored::Value(Json::from(value)),
        (_, value @ (Value::Int(_) | Value::Uint(_) | Value::Float(_))) => {
            Stored::Value(match (whole(value), value) {
                (Some(int), _) => Json::from(int),
                (None, Value::Uint(uint)) => Json::from(uint),
                (None, Value::Float(float)) => Json::from(float),
                (None, _) => Json::Null,
            })
        }
        (field, Value::List) => {
            let of = if let Field::List(items) = field { *items } else { Field::Any };
            let empty: fn() -> Json = if matches!(of, Field::Text) { text } else { object };
            let items: Vec<Json> = tree
                .items(at)
                .map(|item| keep(store(tree, item, of, keep_empty, depth + 1), empty))
                .collect();
            if items.is_empty() && !keep_empty {
                Stored::Empty
            } else {
                Stored::Value(Json::Array(items))
            }
        }
        (Field::Struct(number), Value::Map) => {
            let fields = table::TYPES.get(number).map_or(&[][..], |own| own.fields);
            let mut kept = serde_json::Map::new();
            for (name, field) in fields {
                let value = tree
                    .get(at, name)
                    .map(|at| (at, store(tree, at, *field, keep_empty, depth + 1)));
                if let Some((_, Stored::Value(value))) = value {
                    kept.insert((*name).to_owned(), value);
                }
            }
            Stored::Value(Json::Object(kept))
        }
        (field, Value::Map) => {
            let of = if let Field::Map(values) = field { *values } else { Field::Any };
            let empty: fn() -> Json = if matches!(of, Field::Text) { text } else { object };
            let kept: serde_json::Map<String, Json> = tree
                .entries(at)
                .map(|entry| {
                    let value = keep(store(tree, entry.value, of, keep_empty, depth + 1), empty);
                    (entry.key.to_owned(), value)
                })
                .collect();
            if kept.is_empty() && !keep_empty {
                Stored::Empty
            } else {
                Stored::Value(Json::Object(kept))
            }
        }
    }
}
