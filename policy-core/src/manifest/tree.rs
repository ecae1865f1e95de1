//! A document as a tree of plain values, with a span for each.

use super::Span;
use crate::limits;
use crate::map::Set;

/// A value of its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// What a value is, as JSON would have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'t> {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond those.
    Uint(u64),
    /// Any other number; finite.
    Float(f64),
    /// A string.
    String(&'t str),
    /// A list.
    List,
    /// A map.
    Map,
}

/// A key of a map and its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// The key.
    pub key: &'t str,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: NodeId,
}

/// A text that cannot be read as a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub span: Span,
    /// Why.
    pub message: String,
}

/// A document. Values that aliases name stand in it once.
#[derive(Clone, Debug)]
pub struct Tree<'s> {
    source: &'s str,
    decoded: String,
    nodes: Vec<Node>,
    items: Vec<NodeId>,
    entries: Vec<EntryData>,
    root: NodeId,
    dropped: Vec<(Dropped, Span)>,
}

/// What stands in a document and does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// A key that stands in its map again: the later one counts.
    Key,
    /// What follows the end of the document.
    AfterEnd,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    span: Span,
    data: Data,
}

#[derive(Clone, Copy, Debug)]
enum Data {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(Text),
    List { first: u32, count: u32 },
    Map { first: u32, count: u32 },
}

/// A string of the source as it stands there, or a decoded one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text {
    Source(Span),
    Decoded(Span),
}

#[derive(Clone, Copy, Debug)]
struct EntryData {
    key: Text,
    key_span: Span,
    value: NodeId,
}

impl<'s> Tree<'s> {
    /// What does not count, and where it stands.
    pub fn dropped(&self) -> &[(Dropped, Span)] {
        &self.dropped
    }

    /// The text that it was read from, with all that stands around it.
    pub fn source(&self) -> &'s str {
        self.source
    }

    /// The whole document.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A value.
    pub fn value(&self, id: NodeId) -> Value<'_> {
        match self.data(id) {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(value),
            Data::Int(value) => Value::Int(value),
            Data::Uint(value) => Value::Uint(value),
            Data::Float(value) => Value::Float(value),
            Data::String(text) => Value::String(self.text(text)),
            Data::List { .. } => Value::List,
            Data::Map { .. } => Value::Map,
        }
    }

    /// Where a value stands.
    pub fn span(&self, id: NodeId) -> Span {
        self.nodes.get(id.0 as usize).map_or(Span::default(), |node| node.span)
    }

    /// What stands there, to the letter.
    pub fn raw(&self, id: NodeId) -> &'s str {
        self.span(id).of(self.source)
    }

    /// The items of a list; none of anything else.
    pub fn items(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let (first, count) = match self.data(id) {
            Data::List { first, count } => (first as usize, count as usize),
            _ => (0, 0),
        };
        self.items.iter().skip(first).take(count).copied()
    }

    /// The entries of a map, each key once: of two the later counts. None of anything else.
    pub fn entries(&self, id: NodeId) -> impl Iterator<Item = Entry<'_>> {
        let (first, count) = match self.data(id) {
            Data::Map { first, count } => (first as usize, count as usize),
            _ => (0, 0),
        };
        let entries = self.entries.get(first..first + count).unwrap_or_default();
        entries.iter().map(|entry| Entry {
            key: self.text(entry.key),
            key_span: entry.key_span,
            value: entry.value,
        })
    }

    /// The value under a key of a map.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entries(id).find(|entry| entry.key == key).map(|entry| entry.value)
    }

    fn data(&self, id: NodeId) -> Data {
        self.nodes.get(id.0 as usize).map_or(Data::Null, |node| node.data)
    }

    fn text(&self, text: Text) -> &str {
        match text {
            Text::Source(span) => span.of(self.source),
            Text::Decoded(span) => span.of(&self.decoded),
        }
    }
}

/// A scalar on its way into a tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(Text),
}

/// What trees were made in, to make others in: a cluster has a hundred thousand.
#[derive(Debug, Default)]
pub struct Scratch {
    decoded: String,
    nodes: Vec<Node>,
    items: Vec<NodeId>,
    entries: Vec<EntryData>,
    work: Work,
}

impl Scratch {
    /// Takes the room of a tree that is not needed any more.
    pub fn reclaim(&mut self, tree: Tree<'_>) {
        let Tree { decoded, nodes, items, entries, .. } = tree;
        *self = Scratch { decoded, nodes, items, entries, work: std::mem::take(&mut self.work) };
        self.decoded.clear();
        self.nodes.clear();
        self.items.clear();
        self.entries.clear();
    }
}

/// What a builder needs beside the tree.
#[derive(Debug, Default)]
struct Work {
    /// How many values each node stands for, aliases followed.
    weights: Vec<u64>,
    pending_items: Vec<NodeId>,
    pending_entries: Vec<EntryData>,
}

/// Makes a tree from a walk through a document.
pub(super) struct Builder<'s> {
    tree: Tree<'s>,
    weights: Vec<u64>,
    open: Vec<Open>,
    pending_items: Vec<NodeId>,
    pending_entries: Vec<EntryData>,
    /// Where maps stand that were merged into others: their keys give way without a word.
    merged: Vec<Span>,
    root: Option<NodeId>,
}

struct Open {
    node: NodeId,
    is_map: bool,
    first: usize,
    key: Option<(Text, Span)>,
    weight: u64,
}

impl<'s> Builder<'s> {
    /// For a document of a text.
    pub(super) fn new(source: &'s str, scratch: &mut Scratch) -> Builder<'s> {
        let Scratch { decoded, nodes, items, entries, work } = std::mem::take(scratch);
        let root = NodeId(0);
        let tree = Tree { source, decoded, nodes, items, entries, root, dropped: Vec::new() };
        let Work { weights, pending_items, pending_entries } = work;
        Builder {
            tree,
            weights,
            open: Vec::new(),
            pending_items,
            pending_entries,
            merged: Vec::new(),
            root: None,
        }
    }

    /// Keeps a string that does not stand in the source as it is.
    pub(super) fn decoded(&mut self, text: &str) -> Text {
        let start = self.tree.decoded.len();
        self.tree.decoded.push_str(text);
        Text::Decoded(Span::new(start, self.tree.decoded.len()))
    }

    /// Says that something does not count.
    pub(super) fn drop(&mut self, what: Dropped, span: Span) {
        if self.tree.dropped.len() <= limits::DIAGNOSTICS {
            self.tree.dropped.push((what, span));
        }
    }

    /// How many lists and maps are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether a key comes next.
    pub(super) fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_map && open.key.is_none())
    }

    pub(super) fn is_in_map(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_map)
    }

    pub(super) fn key(&mut self, text: Text, span: Span) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some((text, span));
        }
    }

    fn drop_key(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.key = None;
        }
    }

    pub(super) fn scalar(&mut self, scalar: Scalar, span: Span) -> NodeId {
        let data = match scalar {
            Scalar::Null => Data::Null,
            Scalar::Bool(value) => Data::Bool(value),
            Scalar::Int(value) => Data::Int(value),
            Scalar::Uint(value) => Data::Uint(value),
            Scalar::Float(value) => Data::Float(value),
            Scalar::String(text) => Data::String(text),
        };
        let id = self.node(data, span);
        self.attach(id, 1);
        id
    }

    pub(super) fn start(&mut self, is_map: bool, span: Span) -> NodeId {
        let node = self.node(Data::Null, span);
        let first = if is_map { self.pending_entries.len() } else { self.pending_items.len() };
        self.open.push(Open { node, is_map, first, key: None, weight: 1 });
        node
    }

    /// Closes the innermost list or map, which ends here.
    pub(super) fn end(&mut self, end: u32) -> Option<NodeId> {
        let open = self.open.pop()?;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let data = if open.is_map {
            let first = self.tree.entries.len();
            self.keep_entries(open.first);
            Data::Map { first: number(first), count: number(self.tree.entries.len() - first) }
        } else {
            let first = self.tree.items.len();
            self.tree.items.extend(self.pending_items.drain(open.first..));
            Data::List { first: number(first), count: number(self.tree.items.len() - first) }
        };
        if let Some(node) = self.tree.nodes.get_mut(open.node.0 as usize) {
            node.data = data;
            node.span.end = end.max(node.span.start);
        }
        if let Some(weight) = self.weights.get_mut(open.node.0 as usize) {
            *weight = open.weight;
        }
        self.attach(open.node, open.weight);
        Some(open.node)
    }

    /// Puts a value that is there already where an alias names it. Says whether it is open still,
    /// and so would hold itself.
    pub(super) fn alias(&mut self, node: NodeId) -> bool {
        if self.open.iter().any(|open| open.node == node) {
            return false;
        }
        let weight = self.weights.get(node.0 as usize).copied().unwrap_or(1);
        self.attach(node, weight);
        true
    }

    /// Takes back the value that was put last, which is merged instead.
    pub(super) fn take_back(&mut self, node: NodeId) {
        if self.pending_entries.last().is_some_and(|entry| entry.value == node) {
            self.pending_entries.pop();
        }
    }

    /// Puts the entries of a map, or of each map of a list from the last to the first, where a
    /// merge key stands. Says whether it is one.
    pub(super) fn merge(&mut self, node: NodeId) -> bool {
        self.drop_key();
        let maps: Vec<NodeId> = match self.tree.data(node) {
            Data::Map { .. } => vec![node],
            Data::List { .. } => {
                let mut maps: Vec<NodeId> = self.tree.items(node).collect();
                maps.reverse();
                maps
            }
            _ => return false,
        };
        for map in maps {
            let Data::Map { first, count } = self.tree.data(map) else { return false };
            let (first, count) = (first as usize, count as usize);
            if self.pending_entries.len() + count > limits::MERGED_ENTRIES {
                return false;
            }
            self.merged.push(self.tree.span(map));
            let merged = self.tree.entries.get(first..first + count).unwrap_or_default();
            self.pending_entries.extend_from_slice(merged);
            let weight = self.weights.get(map.0 as usize).copied().unwrap_or(1);
            if let Some(open) = self.open.last_mut() {
                open.weight = open.weight.saturating_add(weight);
            }
        }
        true
    }

    /// The finished tree; none if nothing was in the document.
    pub(super) fn finish(mut self, scratch: &mut Scratch) -> Result<Option<Tree<'s>>, SyntaxError> {
        let Some(root) = self.root else { return Ok(None) };
        self.tree.root = root;
        let decoded = self.weights.get(root.0 as usize).copied().unwrap_or(1);
        self.weights.clear();
        self.pending_items.clear();
        self.pending_entries.clear();
        scratch.work = Work {
            weights: self.weights,
            pending_items: self.pending_items,
            pending_entries: self.pending_entries,
        };
        if limits::is_excessive_aliasing(self.tree.nodes.len() as u64, decoded) {
            return Err(SyntaxError {
                span: self.tree.span(root),
                message: "the document contains excessive aliasing".to_owned(),
            });
        }
        Ok(Some(self.tree))
    }

    fn node(&mut self, data: Data, span: Span) -> NodeId {
        let id = NodeId(u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX));
        self.tree.nodes.push(Node { span, data });
        self.weights.push(1);
        id
    }

    fn attach(&mut self, id: NodeId, weight: u64) {
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(id);
            return;
        };
        open.weight = open.weight.saturating_add(weight);
        if !open.is_map {
            self.pending_items.push(id);
        } else if let Some((key, key_span)) = open.key.take() {
            self.pending_entries.push(EntryData { key, key_span, value: id });
        }
    }

    /// Moves the entries of the map that closes into the tree: of two of one key the later.
    fn keep_entries(&mut self, from: usize) {
        let entries = self.pending_entries.get(from..).unwrap_or_default();
        let tree = &self.tree;
        let is_double = if entries.len() <= 24 {
            entries.iter().enumerate().any(|(at, entry)| {
                let key = tree.text(entry.key);
                entries.iter().take(at).any(|before| tree.text(before.key) == key)
            })
        } else {
            let mut seen: Set<&str> = Set::default();
            entries.iter().any(|entry| !seen.insert(tree.text(entry.key)))
        };
        if !is_double {
            self.tree.entries.extend(self.pending_entries.drain(from..));
            return;
        }
        let mut kept: Vec<EntryData> = Vec::with_capacity(entries.len());
        let mut seen: Set<&str> = Set::default();
        let mut doubles: Vec<Span> = Vec::new();
        for entry in entries.iter().rev() {
            let at = entry.key_span;
            if seen.insert(tree.text(entry.key)) {
                kept.push(*entry);
            } else if !self.merged.iter().any(|map| map.start <= at.start && at.end <= map.end) {
                doubles.push(at);
            }
        }
        kept.reverse();
        for at in doubles.into_iter().rev() {
            self.drop(Dropped::Key, at);
        }
        self.pending_entries.truncate(from);
        self.tree.entries.extend(kept);
    }
}
