//! Many places in the same sources, found with as little reading again as will do.

use super::document::Place;
use super::locate::{span_of, top};
use super::split::find;
use super::{FieldPath, LineIndex, Location, Slice, Source, Tree, parse, split};
use crate::limits;
use crate::map::Map;

/// Finds places in sources, and remembers them.
#[derive(Debug)]
pub struct Locator<'s> {
    sources: &'s [Source],
    slices: Map<u32, Vec<Slice>>,
    lines: Map<u32, LineIndex>,
    last: Option<(u32, Slice, Tree<'s>)>,
    known: Map<(Place, FieldPath), Option<Location>>,
}

impl<'s> Locator<'s> {
    /// For places in these sources.
    pub fn new(sources: &'s [Source]) -> Locator<'s> {
        Locator {
            sources,
            slices: Map::default(),
            lines: Map::default(),
            last: None,
            known: Map::default(),
        }
    }

    /// The name of a place's source.
    pub fn name(&self, place: Place) -> &'s str {
        self.sources.get(place.source as usize).map_or("", |source| source.name.as_str())
    }

    /// The source of a place.
    pub fn source(&self, place: Place) -> Option<&'s Source> {
        self.sources.get(place.source as usize)
    }

    /// Where a span of a place's source stands.
    pub fn position(&mut self, place: Place, offset: u32) -> Option<super::Position> {
        let source = self.sources.get(place.source as usize)?;
        let lines = self.lines.entry(place.source).or_insert_with(|| LineIndex::new(&source.text));
        Some(lines.position(&source.text, offset))
    }

    /// The text of the document that a place is in, or of a part of it around the place.
    pub fn document(&mut self, place: Place) -> Option<&'s str> {
        let source = self.sources.get(place.source as usize)?;
        let slices = self.slices.entry(place.source).or_insert_with(|| split(source));
        let slice = find(slices, place.document, place.item)?;
        source.text.get(slice.start as usize..slice.end as usize).map(str::trim)
    }

    /// The text of an object, if it can be found again.
    pub fn object(&mut self, place: Place) -> Option<&'s str> {
        let source = self.sources.get(place.source as usize)?;
        let span = self.locate(place, &FieldPath::default())?.span;
        source.text.get(span.start as usize..span.end as usize)
    }

    /// Where a field of an object stands; see [`super::locate`].
    pub fn locate(&mut self, place: Place, path: &FieldPath) -> Option<Location> {
        let key = (place, path.clone());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let found = self.find(place, path);
        if self.known.len() >= limits::REMEMBERED_PLACES {
            self.known.clear();
        }
        self.known.insert(key, found);
        found
    }

    fn find(&mut self, place: Place, path: &FieldPath) -> Option<Location> {
        let source = self.sources.get(place.source as usize)?;
        let slices = self.slices.entry(place.source).or_insert_with(|| split(source));
        let slice = find(slices, place.document, place.item)?;
        let is_last =
            |(last, own, _): &(u32, Slice, Tree<'_>)| *last == place.source && *own == slice;
        if !self.last.as_ref().is_some_and(is_last) {
            self.last = Some((place.source, slice, parse(&source.text, &slice).ok()??));
        }
        let (_, _, tree) = self.last.as_ref()?;
        let top = top(tree, &slice, place)?;
        let (span, exact) = span_of(tree, top, path);
        let lines = self.lines.entry(place.source).or_insert_with(|| LineIndex::new(&source.text));
        Some(Location {
            span,
            start: lines.position(&source.text, span.start),
            end: lines.position(&source.text, span.end),
            exact,
        })
    }
}
