//! Where a field stands: found by reading its document again.

use super::document::Place;
use super::split::find;
use super::{
    FieldPath, LineIndex, NodeId, Position, Slice, Source, Span, Step, Tree, parse, split,
};

/// Where something stands in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The bytes.
    pub span: Span,
    /// Where they begin.
    pub start: Position,
    /// Where they end.
    pub end: Position,
    /// Whether it is the field itself; else the nearest thing above that is written there.
    pub exact: bool,
}

/// Where a field of an object stands in its source; none if the document is not there.
pub fn locate(source: &Source, place: Place, path: &FieldPath) -> Option<Location> {
    let slice = find(&split(source), place.document, place.item)?;
    let tree = parse(&source.text, &slice).ok()??;
    let top = top(&tree, &slice, place)?;
    let (span, exact) = span_of(&tree, top, path);
    let lines = LineIndex::new(&source.text);
    Some(Location {
        span,
        start: lines.position(&source.text, span.start),
        end: lines.position(&source.text, span.end),
        exact,
    })
}

/// The object of a place in the tree of its slice.
pub(super) fn top(tree: &Tree<'_>, slice: &Slice, place: Place) -> Option<NodeId> {
    match (place.item, slice.item) {
        (Some(item), None) => tree.items(tree.get(tree.root(), "items")?).nth(item as usize),
        (None, _) | (Some(_), Some(_)) => Some(tree.root()),
    }
}

/// The span of a field below a value, or of the nearest thing above it. A field of a map is
/// where its key is.
pub(super) fn span_of(tree: &Tree<'_>, top: NodeId, path: &FieldPath) -> (Span, bool) {
    let mut at = top;
    let mut span = tree.span(top);
    for step in &path.0 {
        let below = match step {
            Step::Key(key) => {
                let entry = tree.entries(at).find(|entry| entry.key == key);
                entry.map(|entry| {
                    let value = tree.span(entry.value);
                    let whole = Span { start: entry.key_span.start, end: value.end };
                    (
                        entry.value,
                        if value.end >= entry.key_span.end { whole } else { entry.key_span },
                    )
                })
            }
            Step::Index(index) => {
                tree.items(at).nth(*index as usize).map(|item| (item, tree.span(item)))
            }
        };
        let Some((value, own)) = below else { return (span, false) };
        at = value;
        span = own;
    }
    (span, true)
}
