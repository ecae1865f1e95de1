//! Where findings stand, line by line.

use std::ops::Range;

use policy_core::check::Finding;
use policy_core::manifest::document::Place;
use policy_core::manifest::{FieldPath, Locator, Position, Span};

use crate::snippet::first_line;

/// A part of one line of a file.
pub(super) struct Region<'s> {
    pub(super) name: &'s str,
    pub(super) span: Range<usize>,
    pub(super) start: Position,
    pub(super) end: Position,
}

/// The region of a finding.
pub(super) fn region<'s>(one: &Finding, places: &mut Locator<'s>) -> Region<'s> {
    of(one.place, &one.path, one.span, places)
}

/// The first line of what is meant: its span, or where its field stands.
pub(super) fn of<'s>(
    place: Place,
    path: &FieldPath,
    span: Span,
    places: &mut Locator<'s>,
) -> Region<'s> {
    let span = if span == Span::default() {
        places.locate(place, path).map_or(span, |found| found.span)
    } else {
        span
    };
    let text = places.source(place).map_or("", |source| source.text.as_str());
    let span = first_line(text, span.start as usize..span.end as usize);
    let first = Position { line: 1, column: 1, column_utf16: 1 };
    let mut position = |at: usize| {
        let offset = u32::try_from(at).unwrap_or(u32::MAX);
        places.position(place, offset).unwrap_or(first)
    };
    let (start, end) = (position(span.start), position(span.end));
    Region { name: places.name(place), span, start, end }
}
