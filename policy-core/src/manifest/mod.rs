//! Text to documents: YAML and JSON as the API machinery reads them, with places.

pub mod document;

mod diagnostic;
mod json;
mod locate;
mod locator;
mod names;
mod object;
mod path;
mod read;
mod scalar;
mod schema;
mod split;
mod stored;
mod text;
mod tree;
mod yaml;

pub use diagnostic::{Diagnostic, Related, Severity};
pub use locate::{Location, locate};
pub use locator::Locator;
pub use path::{FieldPath, Step};
pub use read::{ReadOptions, Reading, Record, read, read_slice};
pub use split::{Item, Slice, split};
pub use text::{LineIndex, Position, Source, Span};
pub use tree::{Dropped, Entry, NodeId, Scratch, SyntaxError, Tree, Value};

use crate::limits;

/// Reads one document of a source: JSON where it is JSON, else YAML. None if nothing is in it.
///
/// # Errors
/// Says where the text is neither.
pub fn parse<'s>(source: &'s str, slice: &Slice) -> Result<Option<Tree<'s>>, SyntaxError> {
    parse_in(source, slice, &mut Scratch::default())
}

/// Reads one document as [`parse`] does, in room that earlier ones left.
fn parse_in<'s>(
    source: &'s str,
    slice: &Slice,
    scratch: &mut Scratch,
) -> Result<Option<Tree<'s>>, SyntaxError> {
    let span = Span { start: slice.start, end: slice.end };
    let text = span.of(source);
    if text.len() > limits::DOCUMENT_BYTES {
        let message = format!("the document is longer than {} bytes", limits::DOCUMENT_BYTES);
        return Err(SyntaxError { span: Span { end: span.start, ..span }, message });
    }
    if text.trim_start().starts_with(['{', '['])
        && let Some(tree) = json::parse(source, slice, scratch)
    {
        return tree.map(Some);
    }
    yaml::parse(source, slice, scratch)
}
