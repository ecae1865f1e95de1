//! How far each end reaches, where that moved: counted afresh on the second side, and taken back to
//! the first by what differs.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Difference, pair};
use super::ends::{Ends, Side};
use super::{Level, names};
use crate::compile::{Cell, ClassId, CompiledPolicy, Row, RowId, ValueId};
use crate::map::Map;
use crate::netset::{Direction, Members};
use crate::query::Reach;

/// What of an end moved: before and after, for each direction in which it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) reaches: Option<(Reach, Reach)>,
    pub(super) reached_by: Option<(Reach, Reach)>,
    /// What it exchanged and exchanges with its own like.
    own: Option<(Level, Level)>,
}

impl Moved {
    /// The same without the one that reaches, on the sides where it is a pod and not a template of
    /// any number.
    pub(super) fn without_itself(&self, was_pod: bool, is_pod: bool) -> Moved {
        let less = |reach: Reach, is_pod: bool, level: Level| match level {
            Level::Allow => {
                Reach { allowed: reach.allowed.saturating_sub(u64::from(is_pod)), ..reach }
            }
            Level::Depends => {
                Reach { depends: reach.depends.saturating_sub(u64::from(is_pod)), ..reach }
            }
            Level::Deny => reach,
        };
        let (own_was, own_is) = self.own.unwrap_or((Level::Deny, Level::Deny));
        let both = |(was, is): (Reach, Reach)| {
            Some((less(was, was_pod, own_was), less(is, is_pod, own_is)))
                .filter(|(was, is)| was != is)
        };
        Moved {
            reaches: self.reaches.and_then(both),
            reached_by: self.reached_by.and_then(both),
            own: self.own,
        }
    }

    pub(super) fn is_moved(&self) -> bool {
        self.reaches.is_some() || self.reached_by.is_some()
    }
}

/// How much is allowed, and how much depends; signed, for what is taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    allowed: i64,
    depends: i64,
}

impl Count {
    fn add(&mut self, level: Level, weight: u64, sign: i64) {
        let weight = i64::try_from(weight).unwrap_or(i64::MAX) * sign;
        match level {
            Level::Allow => self.allowed += weight,
            Level::Depends => self.depends += weight,
            Level::Deny => {}
        }
    }

    fn total(self) -> i64 {
        self.allowed + self.depends
    }

    fn reach(self) -> Reach {
        let own = |count: i64| u64::try_from(count).unwrap_or(0);
        Reach { allowed: own(self.allowed), depends: own(self.depends) }
    }
}

fn level(cell: &Cell) -> Level {
    match (cell.allowed.is_empty(), cell.depends.is_empty()) {
        (false, _) => Level::Allow,
        (true, false) => Level::Depends,
        (true, true) => Level::Deny,
    }
}

/// How far ends reach and reached, their own pods included, of whose flows something differs: for
/// so many of them, the greatest growth first; and how many more there are.
pub(super) fn moved(
    ends: &Ends<'_>,
    differences: &[Difference],
    limit: usize,
) -> (BTreeMap<u32, Moved>, u64) {
    let mut taken: BTreeMap<u32, [Option<Both>; 2]> = BTreeMap::new();
    for direction in Direction::ALL {
        for (end, both) in exchanged(ends, differences, direction) {
            if let Some(own) = taken.entry(end).or_default().get_mut(at(direction)) {
                *own = Some(both);
            }
        }
    }
    // What an end has with itself counts in these numbers, and not in what is said of a pod.
    let mut order: Vec<(i64, u32)> =
        taken.iter().filter_map(|(end, both)| Some((growth(ends, *end, both)?, *end))).collect();
    order.sort_by_key(|(growth, end)| (std::cmp::Reverse(*growth), *end));
    let more = order.len().saturating_sub(limit) as u64;
    order.truncate(limit);
    let mut found: BTreeMap<u32, Moved> = BTreeMap::new();
    for direction in Direction::ALL {
        let own = order.iter().filter_map(|(_, end)| {
            let both = taken.get(end)?.get(at(direction)).copied().flatten()?;
            Some((*end, both))
        });
        let own: Vec<(u32, Both)> = own.collect();
        let now =
            counts(ends.policy(Side::After), direction, ends, own.iter().map(|(end, _)| *end));
        for (end, (before, after)) in own {
            let is = now.get(&end).copied().unwrap_or_default();
            let was = Count {
                allowed: is.allowed - after.allowed + before.allowed,
                depends: is.depends - after.depends + before.depends,
            };
            let moved = found
                .entry(end)
                .or_insert_with(|| Moved { own: Some(own_levels(ends, end)), ..Moved::default() });
            let both = Some((was.reach(), is.reach()));
            match direction {
                Direction::Egress => moved.reaches = both,
                Direction::Ingress => moved.reached_by = both,
            }
        }
    }
    (found, more)
}

fn own_levels(ends: &Ends<'_>, end: u32) -> (Level, Level) {
    let (before, after) = pair(ends, end, end);
    (level(&before), level(&after))
}

/// By how many more an end reaches and is reached, if anything of it moved; of a pod without the pod
/// itself. Where pods and templates are in one end, it is what grew most.
fn growth(ends: &Ends<'_>, end: u32, both: &[Option<Both>; 2]) -> Option<i64> {
    let (own_was, own_is) = own_levels(ends, end);
    let of = |(was_pod, is_pod): (bool, bool)| {
        let both = both.iter().flatten().copied().map(|(mut was, mut is)| {
            was.add(own_was, u64::from(was_pod), -1);
            is.add(own_is, u64::from(is_pod), -1);
            (was, is)
        });
        let is_moved = both.clone().any(|(was, is)| was != is);
        is_moved.then(|| both.map(|(was, is)| is.total() - was.total()).sum())
    };
    names::kinds(ends, end).into_iter().filter_map(of).max()
}

/// What an end had and has with those with whom it does not exchange what it did.
type Both = (Count, Count);

fn at(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

fn exchanged(
    ends: &Ends<'_>,
    differences: &[Difference],
    direction: Direction,
) -> BTreeMap<u32, Both> {
    let inside = |one: &&Difference| !one.from.ends.is_empty() && !one.to.ends.is_empty();
    // Ends that have not as many endpoints as they had are looked at one by one, and so is an end
    // with its own like.
    let resized: BTreeSet<u32> = ends.resized();
    let mut taken: Map<u32, Both> = Map::default();
    let mut order: Vec<u32> = Vec::new();
    for one in differences.iter().filter(inside) {
        let (was, is) = (level(&one.before), level(&one.after));
        let (own, others) = match direction {
            Direction::Egress => (&one.from.ends, &one.to.ends),
            Direction::Ingress => (&one.to.ends, &one.from.ends),
        };
        let weights = |end: u32| (ends.weight(Side::Before, end), ends.weight(Side::After, end));
        let (mut before, mut after) = (0, 0);
        for end in others.iter().filter(|end| !resized.contains(end)) {
            let (own_before, own_after) = weights(end);
            before += own_before;
            after += own_after;
        }
        let themselves = own.intersection(others);
        for end in own.iter() {
            let mut less = (0, 0);
            if themselves.contains(end) && !resized.contains(&end) {
                less = weights(end);
            }
            let counts = taken.entry(end).or_insert_with(|| {
                order.push(end);
                Both::default()
            });
            counts.0.add(was, before - less.0, 1);
            counts.1.add(is, after - less.1, 1);
        }
    }
    for end in &order {
        for other in resized.iter().copied().filter(|other| other != end).chain([*end]) {
            let (was, is) = match direction {
                Direction::Egress => pair(ends, *end, other),
                Direction::Ingress => pair(ends, other, *end),
            };
            if let Some((before, after)) = taken.get_mut(end) {
                before.add(level(&was), ends.weight(Side::Before, other), 1);
                after.add(level(&is), ends.weight(Side::After, other), 1);
            }
        }
    }
    order.into_iter().filter_map(|end| Some((end, *taken.get(&end)?))).collect()
}

/// How many endpoints some ends reach, or are reached by, their own included.
fn counts(
    policy: &CompiledPolicy,
    direction: Direction,
    ends: &Ends<'_>,
    of: impl Iterator<Item = u32>,
) -> BTreeMap<u32, Count> {
    let mut by_row: BTreeMap<RowId, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
    for end in of {
        let Some(class) = ends.class(Side::After, end) else { continue };
        if let Some(id) = policy.row_id(direction, class) {
            by_row.entry(id).or_default().entry(class.0).or_default().push(end);
        }
    }
    let other = match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    };
    let mut levels: Map<(ValueId, ValueId), Level> = Map::default();
    let mut found: BTreeMap<u32, Count> = BTreeMap::new();
    for (id, classes) in by_row {
        let Some(row) = policy.row_at(direction, id) else { continue };
        let own: Members = classes.keys().copied().collect();
        let mut counted: BTreeMap<u32, Count> = BTreeMap::new();
        for (_, across) in policy.rows_in_use(other) {
            // The sides of each value that the other row has for some of these.
            let pieces = sides(across, &own);
            if pieces.is_empty() {
                continue;
            }
            let weight = |class: u32| {
                let class = policy.classes().get(ClassId(class));
                class.map_or(0, |class| class.endpoints.len() as u64)
            };
            // Most rows are of one class or two: no sets are made for these.
            let few = across.subjects.len() <= FEW;
            let by_class =
                few.then(|| across.subjects.iter().map(|class| (row.value(class), weight(class))));
            let by_piece = (!few).then(|| {
                row.pieces.iter().map(|(value, members)| {
                    (*value, members.intersection(&across.subjects).iter().map(weight).sum())
                })
            });
            let weights = by_class.into_iter().flatten().chain(by_piece.into_iter().flatten());
            for (value, weight) in weights {
                if value == ValueId::NOTHING || weight == 0 {
                    continue;
                }
                for (other_value, set) in &pieces {
                    let level = *levels.entry((value, *other_value)).or_insert_with(|| {
                        let (out, into) = match direction {
                            Direction::Egress => (value, *other_value),
                            Direction::Ingress => (*other_value, value),
                        };
                        level(&policy.values().combine(out, into))
                    });
                    for class in set {
                        counted.entry(*class).or_default().add(level, weight, 1);
                    }
                }
            }
        }
        for (class, count) in counted {
            for end in classes.get(&class).into_iter().flatten() {
                found.insert(*end, count);
            }
        }
    }
    found
}

/// How many classes are looked at one by one.
const FEW: usize = 16;

/// Some classes by what a row says of them, those of which it says nothing left out.
fn sides(row: &Row, own: &Members) -> Vec<(ValueId, Vec<u32>)> {
    if own.len() == 1 {
        let only = own.first().unwrap_or_default();
        let value = row.value(only);
        return if value == ValueId::NOTHING { Vec::new() } else { vec![(value, vec![only])] };
    }
    let pieces = row.pieces.iter();
    let pieces = pieces.map(|(value, members)| (*value, members.intersection(own)));
    let pieces = pieces.filter(|(_, members)| !members.is_empty());
    pieces.map(|(value, members)| (value, members.iter().collect())).collect()
}
