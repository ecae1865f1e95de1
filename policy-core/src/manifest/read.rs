//! Slices to records: one for each object, whatever became of it.

use super::diagnostic::{self, Diagnostic, Problem, Related, Severity};
use super::document::{Kind, Object, ObjectKey, Place};
use super::object::Reader;
use super::schema::{self, describe};
use super::{
    Dropped, FieldPath, NodeId, Scratch, Slice, Source, Span, Tree, Value, parse_in, split,
};
use crate::limits;
use crate::map::Map;

/// How to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The namespace of objects that name none, as with `kubectl --namespace`.
    pub namespace: String,
    /// Whether to keep each `spec` as the API server would store it.
    pub keep_spec: bool,
}

/// An object that was met, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// `apiVersion`, as written.
    pub api_version: Option<String>,
    /// `kind`, as written; none for text that cannot be parsed.
    pub kind: Option<String>,
    /// Its namespace, if its kind has one.
    pub namespace: Option<String>,
    /// `metadata.name`
    pub name: Option<String>,
    /// Whether an API server would accept it; none for a kind that is not read.
    pub accepted: Option<bool>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// `spec` as it would be stored, the defaults of a NetworkPolicy filled in, if that was asked
    /// for and it is accepted.
    pub spec: Option<serde_json::Value>,
    /// What the engine keeps, if it counts in answers: of a kind that is read, and accepted or
    /// refused for no more than a rule that then fails closed.
    pub object: Option<Object>,
}

impl Record {
    /// Whether it was refused and yet counts, a rule of it failing closed.
    pub fn fails_closed(&self) -> bool {
        let mut errors = self.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        self.accepted == Some(false)
            && errors.all(|one| is_of_a_rule(one.id) || one.id == diagnostic::SELECTOR_MISSING)
    }

    /// Whether it is of a kind that is read, and yet counts in no answer.
    pub fn is_left_out(&self) -> bool {
        let mut all = self.diagnostics.iter();
        let is_refused = self.accepted == Some(false) && !self.fails_closed();
        is_refused || all.any(|one| one.id == diagnostic::CANNOT_EVALUATE_SUBJECT)
    }
}

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The texts.
    pub sources: Vec<Source>,
    /// The objects, in order.
    pub records: Vec<Record>,
}

impl Reading {
    /// The objects that count: of two of one kind, namespace and name the later, and the earlier
    /// one's record says so (C25).
    pub fn take_objects(&mut self) -> Vec<Object> {
        let mut last: Map<&ObjectKey, usize> = Map::default();
        let mut replaced: Vec<(usize, Place)> = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            let Some(object) = &record.object else { continue };
            if let Some(before) = last.insert(&object.key, at) {
                replaced.push((before, record.place));
            }
        }
        let count = last.len();
        for (at, by) in replaced {
            let Some(record) = self.records.get_mut(at) else { continue };
            let Some(object) = record.object.take() else { continue };
            let ObjectKey { kind, namespace, name } = &object.key;
            let name =
                if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
            let problem = diagnostic::replaced(kind.name(), &name);
            record.diagnostics.push(Diagnostic {
                severity: problem.severity,
                id: problem.id,
                message: problem.message,
                place: record.place,
                path: FieldPath::root(),
                span: Span::default(),
                help: problem.help,
                related: vec![Related {
                    message: "the one that counts".to_owned(),
                    place: by,
                    path: FieldPath::root(),
                    span: Span::default(),
                }],
            });
        }
        let mut objects = Vec::with_capacity(count);
        objects.extend(self.records.iter_mut().filter_map(|record| record.object.take()));
        objects
    }
}

/// Reads every document of some sources. Never fails: what cannot be read is a record that says
/// so, and voids nothing else.
///
/// ```
/// use policy_core::manifest::{ReadOptions, Source, read};
///
/// let text = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n]\n";
/// let sources = vec![Source { name: "shop.yaml".into(), text: text.into() }];
/// let options = ReadOptions { namespace: "default".into(), keep_spec: false };
/// let reading = read(sources, &options);
/// let accepted: Vec<_> = reading.records.iter().map(|record| record.accepted).collect();
/// assert_eq!(accepted, [Some(true), Some(false)]);
/// ```
pub fn read(sources: Vec<Source>, options: &ReadOptions) -> Reading {
    let mut records = Vec::new();
    let mut scratch = Scratch::default();
    for (index, source) in (0..).zip(&sources) {
        let slices = split(source);
        records.reserve(slices.len());
        for slice in slices {
            records.extend(read_slice(index, source, &slice, options, &mut scratch));
        }
    }
    Reading { sources, records }
}

/// Reads one document, in room that earlier ones left: a record for each object in it, so none for
/// the List around them.
pub fn read_slice(
    source_index: u32,
    source: &Source,
    slice: &Slice,
    options: &ReadOptions,
    scratch: &mut Scratch,
) -> Vec<Record> {
    let place = Place { source: source_index, document: slice.document, item: None };
    let place = Place { item: slice.item.map(|item| item.index), ..place };
    match parse_in(&source.text, slice, scratch) {
        Ok(None) => Vec::new(),
        Err(error) => {
            let problem = diagnostic::syntax(&error.message);
            let before = source.text.get(..error.span.start as usize).unwrap_or("");
            let line = before.rfind('\n').map_or(0, |at| at + 1).max(slice.start as usize);
            let line = source.text.get(line..slice.end as usize).unwrap_or("");
            let line = line.lines().next().unwrap_or("");
            let problem = diagnostic::help_with_syntax(problem, line);
            vec![refused(place, vec![(problem, FieldPath::root(), error.span)])]
        }
        Ok(Some(tree)) => {
            let records = match slice.item {
                None => read_top(&tree, place, options),
                Some(item) => {
                    let (kind, version) =
                        (item.kind.of(&source.text), item.api_version.of(&source.text));
                    let of = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
                    let typed = of.zip(Some(version).filter(|version| !version.is_empty()));
                    vec![read_object(&tree, tree.root(), place, options, typed)]
                }
            };
            scratch.reclaim(tree);
            records
        }
    }
}

fn read_top(tree: &Tree<'_>, place: Place, options: &ReadOptions) -> Vec<Record> {
    let top = tree.root();
    // A document of comments, or of nothing but `null`.
    if tree.value(top) == Value::Null {
        return Vec::new();
    }
    let is_list = text(tree, top, "kind").is_some_and(|kind| kind.ends_with("List"));
    let items = tree.get(top, "items");
    let (true, Some(items)) = (is_list, items) else {
        return vec![read_object(tree, top, place, options, None)];
    };
    match tree.value(items) {
        Value::Null => Vec::new(),
        Value::List => {
            let of = text(tree, top, "kind").and_then(|kind| kind.strip_suffix("List"));
            let typed = of.filter(|kind| !kind.is_empty()).zip(text(tree, top, "apiVersion"));
            let items = tree.items(items).enumerate();
            items
                .map(|(index, item)| {
                    let item_index = u32::try_from(index).unwrap_or(u32::MAX);
                    let place = Place { item: Some(item_index), ..place };
                    read_object(tree, item, place, options, typed)
                })
                .collect()
        }
        _ => {
            let path = FieldPath::root().key("items");
            vec![refused(place, vec![(diagnostic::items_not_list(), path, tree.span(items))])]
        }
    }
}

/// Reads one object. `typed`: the kind and version that a list such as `PodList` gives its items
/// where they name none.
fn read_object(
    tree: &Tree<'_>,
    top: NodeId,
    place: Place,
    options: &ReadOptions,
    typed: Option<(&str, &str)>,
) -> Record {
    let root = FieldPath::root;
    let here = tree.span(top);
    if tree.value(top) != Value::Map {
        let problem = diagnostic::not_an_object(&describe(tree.value(top)));
        return refused(place, vec![(problem, root(), here)]);
    }
    let kind_text = text(tree, top, "kind").filter(|kind| !kind.is_empty());
    let version_text = text(tree, top, "apiVersion").filter(|version| !version.is_empty());
    let kind_text = kind_text.or(typed.map(|(kind, _)| kind));
    let version_text = version_text.or(typed.map(|(_, version)| version));
    let mut record = Record {
        place,
        api_version: version_text.map(str::to_owned),
        kind: kind_text.map(str::to_owned),
        namespace: None,
        name: None,
        accepted: None,
        diagnostics: Vec::new(),
        spec: None,
        object: None,
    };
    let metadata = tree.get(top, "metadata");
    let meta = |key| metadata.and_then(|metadata| text(tree, metadata, key));
    let name = meta("name").filter(|name| !name.is_empty());
    record.name = name.map(str::to_owned);
    record.namespace = meta("namespace").filter(|name| !name.is_empty()).map(str::to_owned);
    let Some(kind_text) = kind_text else {
        return refuse(record, vec![(diagnostic::kind_missing(), root(), here)]);
    };
    let known = Kind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(kind_text));
    let Some(kind) = known else { return record };
    let span_of = |key| super::locate::span_of(tree, top, &root().key(key)).0;
    let expected = kind.api_version();
    match version_text {
        Some(version) if version == expected && kind.name() == kind_text => {}
        None => {
            let problem = diagnostic::api_version_missing(kind_text, expected);
            return refuse(record, vec![(problem, root().key("apiVersion"), here)]);
        }
        Some(version) => {
            // A kind of another group that has the same name is another kind.
            let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
            let foreign = group(version) != group(expected)
                && group(version)
                    .is_some_and(|group| group.contains('.') && !is_of_kubernetes(&group));
            if foreign {
                return record;
            }
            let field = if version == expected { "kind" } else { "apiVersion" };
            let help = format!("write apiVersion: {expected}, kind: {}", kind.name());
            let problem = diagnostic::no_such_kind(kind_text, version, help);
            return refuse(record, vec![(problem, root().key(field), span_of(field))]);
        }
    }
    record.namespace = kind
        .is_namespaced()
        .then(|| record.namespace.take().unwrap_or_else(|| options.namespace.clone()));

    let mut found = dropped_in(tree, top);
    let fields = schema::check(tree, top, kind).into_iter();
    if kind == Kind::IsolationRule {
        // A promise with a misspelt word would promise something else.
        found.extend(
            fields.map(|(problem, path, span)| {
                (diagnostic::unknown_field_refused(problem), path, span)
            }),
        );
    } else {
        found.extend(fields);
    }
    let undecodable = found.iter().any(|(problem, ..)| {
        problem.severity == Severity::Error && problem.id != diagnostic::UNKNOWN_FIELD
    });
    if undecodable {
        return refuse(record, found);
    }
    let mut reader = Reader::new(tree, top, &mut found);
    let body = reader.read(kind, &mut record);
    let of_errors = |which: &dyn Fn(&'static str) -> bool| {
        let errors = found.iter().filter(|(problem, ..)| problem.severity == Severity::Error);
        errors.map(|(problem, ..)| problem.id).any(which)
    };
    let is_refused = of_errors(&|id| {
        id != diagnostic::CANNOT_EVALUATE && id != diagnostic::CANNOT_EVALUATE_SUBJECT
    });
    // One rule of an unknown kind of peer fails closed, and a missing selector is `{}`; the rest of
    // the policy counts.
    let is_left_out = of_errors(&|id| !is_of_a_rule(id) && id != diagnostic::SELECTOR_MISSING);
    let key = ObjectKey {
        kind,
        namespace: record.namespace.clone().unwrap_or_default(),
        name: record.name.clone().unwrap_or_default(),
    };
    let body = body.filter(|_| !is_left_out);
    record.object = body.map(|body| Object { key, place, body });
    if is_refused {
        return refuse(record, found);
    }
    record.accepted = Some(true);
    record.diagnostics = place_all(found, place);
    record.spec = options.keep_spec.then(|| super::stored::spec(tree, top, kind)).flatten();
    record
}

/// What stands in an object and does not count.
fn dropped_in(tree: &Tree<'_>, top: NodeId) -> Vec<(Problem, FieldPath, Span)> {
    let all = tree.span(top);
    let problems = tree.dropped().iter().filter_map(|(what, span)| match what {
        Dropped::Key if all.start <= span.start && span.end <= all.end => {
            let key = span.of(tree.source()).trim_matches(['"', '\'']);
            Some((diagnostic::key_twice(key), FieldPath::root(), *span))
        }
        Dropped::AfterEnd if top == tree.root() => {
            Some((diagnostic::after_end(), FieldPath::root(), *span))
        }
        _ => None,
    });
    problems.collect()
}

/// Whether a problem concerns one rule of a policy only, which fails closed for it.
fn is_of_a_rule(id: &str) -> bool {
    id == diagnostic::UNKNOWN_PEER || id == diagnostic::CANNOT_EVALUATE
}

/// Whether a group is one of Kubernetes itself, so that a known kind in it is a mistake.
fn is_of_kubernetes(group: &str) -> bool {
    group == "k8s.io" || group.ends_with(".k8s.io")
}

fn text<'t>(tree: &'t Tree<'_>, at: NodeId, key: &str) -> Option<&'t str> {
    match tree.value(tree.get(at, key)?) {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn refused(place: Place, found: Vec<(Problem, FieldPath, Span)>) -> Record {
    let record = Record {
        place,
        api_version: None,
        kind: None,
        namespace: None,
        name: None,
        accepted: None,
        diagnostics: Vec::new(),
        spec: None,
        object: None,
    };
    refuse(record, found)
}

fn refuse(mut record: Record, found: Vec<(Problem, FieldPath, Span)>) -> Record {
    record.accepted = Some(false);
    record.diagnostics = place_all(found, record.place);
    record
}

fn place_all(mut found: Vec<(Problem, FieldPath, Span)>, place: Place) -> Vec<Diagnostic> {
    let count = found.len();
    if count > limits::DIAGNOSTICS {
        found.sort_by_key(|(problem, ..)| problem.severity);
        found.truncate(limits::DIAGNOSTICS);
        let more = diagnostic::and_more(count - limits::DIAGNOSTICS);
        found.push((more, FieldPath::root(), Span::default()));
    }
    found
        .into_iter()
        .map(|(problem, path, span)| Diagnostic {
            severity: problem.severity,
            id: problem.id,
            message: problem.message,
            place,
            path,
            span,
            help: problem.help,
            related: Vec::new(),
        })
        .collect()
}
