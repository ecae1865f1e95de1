//! Which pairs of ends do not exchange what they exchanged: only rows that changed are looked at,
//! and of the others what they say of ends that changed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ends::{Ends, Handle, Side};
use crate::cluster::{address, last_address};
use crate::compile::{Cell, FAMILIES, Row, ValueId};
use crate::map::Map;
use crate::netset::{Direction, Family, Members};

/// Who stands on one side of a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Who {
    /// Ends.
    pub(super) ends: Members,
    /// Ranges of addresses outside, IPv4 first.
    pub(super) addresses: Vec<(IpAddr, IpAddr)>,
}

impl Who {
    pub(super) fn ends(ends: Members) -> Who {
        Who { ends, addresses: Vec::new() }
    }

    pub(super) fn addresses(addresses: Vec<(IpAddr, IpAddr)>) -> Who {
        Who { ends: Members::empty(), addresses }
    }
}

/// What each of some exchanged with each of some, and what it exchanges: not the same.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) from: Who,
    pub(super) to: Who,
    pub(super) before: Cell,
    pub(super) after: Cell,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffWork {
    /// Rows that were compared with what they were.
    pub rows: u64,
    /// Pairs of sets of ends whose traffic was compared.
    pub parts: u64,
}

/// The rows of an end before and after.
type Rows = (Handle, Handle);

pub(super) struct Comparison<'e, 'p> {
    ends: &'e Ends<'p>,
    cells: Map<(ValuePair, ValuePair), Option<(Cell, Cell)>>,
    found: Vec<Difference>,
    work: DiffWork,
}

/// The values of one row before and after.
type ValuePair = (ValueId, ValueId);

/// Every pair of ends between which something differs, in disjoint parts.
pub(super) fn differences(ends: &Ends<'_>) -> (Vec<Difference>, DiffWork) {
    let mut one =
        Comparison { ends, cells: Map::default(), found: Vec::new(), work: DiffWork::default() };
    one.inside();
    one.outside();
    (one.found, one.work)
}

impl<'p> Comparison<'_, 'p> {
    fn rows(&self, direction: Direction, end: u32) -> Rows {
        let ends = self.ends;
        (ends.handle(Side::Before, direction, end), ends.handle(Side::After, direction, end))
    }

    fn get(&self, direction: Direction, rows: Rows) -> (Option<&'p Row>, Option<&'p Row>) {
        let ends = self.ends;
        (ends.row(Side::Before, direction, rows.0), ends.row(Side::After, direction, rows.1))
    }

    /// The ends whose rows are not what they were, by these.
    fn changed(&self, direction: Direction) -> BTreeMap<Rows, Members> {
        let touched = self.ends.record().touched(direction).intersection(self.ends.stayed());
        let mut groups: BTreeMap<Rows, Vec<u32>> = BTreeMap::new();
        for end in touched.iter().chain(self.ends.extras()) {
            groups.entry(self.rows(direction, end)).or_default().push(end);
        }
        groups.into_iter().map(|(rows, ends)| (rows, ends.into_iter().collect())).collect()
    }

    /// The ends of which two rows do not say the same.
    fn told(&self, (before, after): (Option<&Row>, Option<&Row>)) -> Members {
        let mut all: Vec<Members> = Vec::new();
        let mut by_value: BTreeMap<ValueId, [Vec<Members>; 2]> = BTreeMap::new();
        for (at, side, row) in [(0, Side::Before, before), (1, Side::After, after)] {
            for (value, classes) in row.map_or(&[][..], |row| &row.pieces) {
                let set = self.ends.spread(side, classes);
                if let Some(sets) = by_value.entry(*value).or_default().get_mut(at) {
                    sets.push(set.clone());
                }
                all.push(set);
            }
        }
        if self.ends.record().whole.is_some() {
            // Values of two policies have nothing to do with each other.
            return Members::union_all(all.iter());
        }
        let same: Vec<Members> = by_value
            .into_values()
            .map(|[before, after]| {
                Members::union_all(before.iter()).intersection(&Members::union_all(after.iter()))
            })
            .collect();
        Members::union_all(all.iter()).difference(&Members::union_all(same.iter()))
    }

    fn inside(&mut self) {
        // Who is to be looked at, by the ingress rows of destinations.
        let into = self.changed(Direction::Ingress);
        let mut told: BTreeMap<Rows, Members> = BTreeMap::new();
        for (rows, to) in &into {
            self.work.rows += 1;
            let from = self.told(self.get(Direction::Ingress, *rows));
            self.part(*rows, to, &from);
            told.insert(*rows, from);
        }
        self.unchanged(&mut told);
        let mut out: Vec<(Members, Members)> = Vec::new();
        let changed = self.changed(Direction::Egress);
        for (rows, from) in &changed {
            self.work.rows += 1;
            out.push((from.clone(), self.told(self.get(Direction::Egress, *rows))));
        }
        let mut others = BTreeMap::new();
        self.unchanged_rows(Direction::Egress, |rows, from, to| {
            others.insert(rows, (from, to));
        });
        out.extend(others.into_values());
        for (from, to) in out {
            let mut by_rows: BTreeMap<Rows, Vec<u32>> = BTreeMap::new();
            for end in to.iter() {
                by_rows.entry(self.rows(Direction::Ingress, end)).or_default().push(end);
            }
            for (rows, to) in by_rows {
                let from = match told.get(&rows) {
                    Some(told) => from.difference(told),
                    None => from.clone(),
                };
                self.part(rows, &to.into_iter().collect(), &from);
            }
        }
    }

    /// Rows that are what they were tell ends that changed from what these were.
    fn unchanged(&mut self, told: &mut BTreeMap<Rows, Members>) {
        let mut parts = Vec::new();
        self.unchanged_rows(Direction::Ingress, |rows, to, from| parts.push((rows, to, from)));
        for (rows, to, from) in parts {
            self.part(rows, &to, &from);
            told.insert(rows, from);
        }
    }

    /// Hands on each row that is what it was: the ends whose it is, and those that it tells from
    /// what they were.
    fn unchanged_rows(&self, direction: Direction, mut each: impl FnMut(Rows, Members, Members)) {
        let ends = self.ends;
        let extras: Vec<u32> = ends.extras().collect();
        if extras.is_empty() || ends.record().whole.is_some() {
            return;
        }
        let touched = ends.record().touched(direction);
        for (id, row) in ends.policy(Side::After).rows_in_use(direction) {
            let value = |side, end| {
                ends.class(side, end).map_or(ValueId::NOTHING, |class| row.value(class.0))
            };
            let told = extras.iter().copied();
            let told: Members =
                told.filter(|end| value(Side::Before, *end) != value(Side::After, *end)).collect();
            if told.is_empty() {
                continue;
            }
            let own = row.subjects.intersection(ends.stayed()).difference(&touched);
            if !own.is_empty() {
                each((Handle::Now(id), Handle::Now(id)), own, told);
            }
        }
    }

    /// Some sources with some destinations that have one row: part by part.
    fn part(&mut self, rows: Rows, to: &Members, from: &Members) {
        if to.is_empty() || from.is_empty() {
            return;
        }
        let into = self.values(self.get(Direction::Ingress, rows), from);
        let mut by_rows: BTreeMap<Rows, Vec<u32>> = BTreeMap::new();
        for end in from.iter() {
            by_rows.entry(self.rows(Direction::Egress, end)).or_default().push(end);
        }
        for (rows, from) in by_rows {
            let from: Members = from.into_iter().collect();
            let out = self.values(self.get(Direction::Egress, rows), to);
            for (in_values, sources) in &into {
                let sources = sources.intersection(&from);
                if sources.is_empty() {
                    continue;
                }
                for (out_values, destinations) in &out {
                    self.work.parts += 1;
                    if let Some((before, after)) = self.cells(*out_values, *in_values) {
                        self.found.push(Difference {
                            from: Who::ends(sources.clone()),
                            to: Who::ends(destinations.clone()),
                            before,
                            after,
                        });
                    }
                }
            }
        }
    }

    /// Some ends by what two rows say of them.
    fn values(
        &self,
        (before, after): (Option<&Row>, Option<&Row>),
        among: &Members,
    ) -> Vec<(ValuePair, Members)> {
        let by = |side, row: Option<&Row>| -> Vec<(ValueId, Members)> {
            let mut rest = among.clone();
            let mut parts = Vec::new();
            for (value, classes) in row.map_or(&[][..], |row| &row.pieces) {
                let own = self.ends.spread_among(side, classes, among);
                if !own.is_empty() {
                    rest = rest.difference(&own);
                    parts.push((*value, own));
                }
            }
            if !rest.is_empty() {
                parts.push((ValueId::NOTHING, rest));
            }
            parts
        };
        let after = by(Side::After, after);
        let mut both = Vec::new();
        for (was, those) in by(Side::Before, before) {
            for (is, these) in &after {
                let set = those.intersection(these);
                if !set.is_empty() {
                    both.push(((was, *is), set));
                }
            }
        }
        both
    }

    /// What flowed and what flows, if that is not the same.
    fn cells(&mut self, out: ValuePair, into: ValuePair) -> Option<(Cell, Cell)> {
        if self.ends.record().whole.is_none() && out.0 == out.1 && into.0 == into.1 {
            return None;
        }
        let ends = self.ends;
        let known = self.cells.entry((out, into)).or_insert_with(|| {
            let before = ends.policy(Side::Before).values().combine(out.0, into.0);
            let after = ends.policy(Side::After).values().combine(out.1, into.1);
            (before != after).then_some((before, after))
        });
        known.clone()
    }

    fn outside(&mut self) {
        for direction in Direction::ALL {
            for (rows, own) in self.changed(direction) {
                let (before, after) = self.get(direction, rows);
                for family in FAMILIES {
                    let had = self.there(Side::Before, rows.0, &own, family);
                    let has = self.there(Side::After, rows.1, &own, family);
                    let parts = [
                        (had.intersection(&has), before, after),
                        (had.difference(&has), before, None),
                        (has.difference(&had), None, after),
                    ];
                    for (own, before, after) in parts {
                        if !own.is_empty() {
                            self.work.rows += 1;
                            self.runs(direction, &own, family, before, after);
                        }
                    }
                }
            }
        }
    }

    /// Those of some ends that are there and may have an address of a family.
    fn there(&self, side: Side, row: Handle, own: &Members, family: Family) -> Members {
        match row {
            Handle::Absent => Members::empty(),
            Handle::Saved(_) | Handle::Now(_) => self.ends.with_family(side, own, family),
        }
    }

    /// What two rows do not say alike of addresses outside.
    fn runs(
        &mut self,
        direction: Direction,
        own: &Members,
        family: Family,
        before: Option<&Row>,
        after: Option<&Row>,
    ) {
        let mut starts: Vec<u128> = vec![0];
        for row in [before, after].into_iter().flatten() {
            starts.extend(row.runs(family).map(|(first, ..)| first));
        }
        starts.sort_unstable();
        starts.dedup();
        let ends = self.ends;
        let cell = |side, row: Option<&Row>, at| match row {
            Some(row) => ends.policy(side).values().alone(row.value_outside(family, at)),
            None => Cell::default(),
        };
        let mut found: BTreeMap<(Cell, Cell), Vec<(u128, u128)>> = BTreeMap::new();
        let lasts = starts.iter().skip(1).map(|next| next - 1).chain([last_address(family)]);
        for (first, last) in starts.iter().copied().zip(lasts) {
            let (was, is) = (cell(Side::Before, before, first), cell(Side::After, after, first));
            if was == is {
                continue;
            }
            let ranges = found.entry((was, is)).or_default();
            match ranges.last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
                _ => ranges.push((first, last)),
            }
        }
        for ((before, after), ranges) in found {
            let ranges = ranges.into_iter();
            let addresses = Who::addresses(
                ranges.map(|(a, b)| (address(family, a), address(family, b))).collect(),
            );
            let own = Who::ends(own.clone());
            let (from, to) = match direction {
                Direction::Ingress => (addresses, own),
                Direction::Egress => (own, addresses),
            };
            self.found.push(Difference { from, to, before, after });
        }
    }
}

/// What two ends exchanged and exchange.
pub(super) fn pair(ends: &Ends<'_>, from: u32, to: u32) -> (Cell, Cell) {
    let cell = |side| {
        let row = |direction, end| ends.row(side, direction, ends.handle(side, direction, end));
        let out = row(Direction::Egress, from)?.value(ends.class(side, to)?.0);
        let into = row(Direction::Ingress, to)?.value(ends.class(side, from)?.0);
        Some(ends.policy(side).values().combine(out, into))
    };
    (cell(Side::Before).unwrap_or_default(), cell(Side::After).unwrap_or_default())
}
