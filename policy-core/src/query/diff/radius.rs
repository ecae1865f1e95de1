//! How far each end reaches, where that moved: counted afresh on the second side, and taken back to
//! the first by what differs.

use std::collections::{BTreeMap, BTreeSet};

use super::Level;
use super::compare::{Difference, pair};
use super::ends::{Ends, Side};
use crate::compile::{Cell, ClassId, CompiledPolicy, Row, RowId, ValueId};
use crate::map::Map;
use crate::netset::{Direction, Members};
use crate::query::Reach;

/// What of an end moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) reaches: (Reach, Reach),
    pub(super) reached_by: (Reach, Reach),
    /// What it exchanged and exchanges with its own like.
    own: (Level, Level),
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
        let both = |(was, is): (Reach, Reach)| {
            (less(was, was_pod, self.own.0), less(is, is_pod, self.own.1))
        };
        Moved { reaches: both(self.reaches), reached_by: both(self.reached_by), own: self.own }
    }

    pub(super) fn is_moved(&self) -> bool {
        self.reaches.0 != self.reaches.1 || self.reached_by.0 != self.reached_by.1
    }
}

/// How much is allowed, and how much depends; signed, for what is taken back.
#[derive(Clone, Copy, Debug, Default)]
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

/// How far the ends reach and reached of whose flows something differs, their own pods included.
pub(super) fn moved(ends: &Ends<'_>, differences: &[Difference]) -> BTreeMap<u32, Moved> {
    let inside = || differences.iter().filter(|one| !one.from.ends.is_empty() && !one.to.ends.is_empty());
    let mut found: BTreeMap<u32, Moved> = BTreeMap::new();
    // Ends that have not as many endpoints as they had are looked at one by one.
    let resized: BTreeSet<u32> = ends.resized();
    for direction in Direction::ALL {
        let mut taken: BTreeMap<u32, (Count, Count)> = BTreeMap::new();
        for one in inside() {
            let (was, is) = (level(&one.before), level(&one.after));
            let (own, others) = match direction {
                Direction::Egress => (&one.from.ends, &one.to.ends),
                Direction::Ingress => (&one.to.ends, &one.from.ends),
            };
            let others = others.iter().filter(|end| !resized.contains(end));
            let (mut before, mut after) = (0, 0);
            let mut own_weights: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
            for end in others {
                let weights = (ends.weight(Side::Before, end), ends.weight(Side::After, end));
                before += weights.0;
                after += weights.1;
                if own.contains(end) {
                    own_weights.insert(end, weights);
                }
            }
            for end in own.iter() {
                // An end's own pods are looked at apart.
                let (own_before, own_after) = own_weights.get(&end).copied().unwrap_or((0, 0));
                let counts = taken.entry(end).or_default();
                counts.0.add(was, before - own_before, 1);
                counts.1.add(is, after - own_after, 1);
            }
        }
        let now = counts(ends.policy(Side::After), direction, ends, taken.keys().copied());
        for (end, (before, after)) in taken {
            let mut was = Count::default();
            let total = now.get(&end).copied().unwrap_or_default();
            was.allowed = total.allowed - after.allowed + before.allowed;
            was.depends = total.depends - after.depends + before.depends;
            for other in resized.iter().copied().filter(|other| *other != end).chain([end]) {
                let (cell_before, cell_after) = match direction {
                    Direction::Egress => pair(ends, end, other),
                    Direction::Ingress => pair(ends, other, end),
                };
                let weights = (ends.weight(Side::Before, other), ends.weight(Side::After, other));
                was.add(level(&cell_after), weights.1, -1);
                was.add(level(&cell_before), weights.0, 1);
            }
            let own = found.entry(end).or_insert_with(|| blank(ends, end));
            let both = (was.reach(), total.reach());
            match direction {
                Direction::Egress => own.reaches = both,
                Direction::Ingress => own.reached_by = both,
            }
        }
    }
    // A direction in which nothing differs is what it is.
    for direction in Direction::ALL {
        let differ: BTreeSet<u32> = inside()
            .flat_map(|one| match direction {
                Direction::Egress => one.from.ends.iter(),
                Direction::Ingress => one.to.ends.iter(),
            })
            .collect();
        let missing: Vec<u32> =
            found.keys().copied().filter(|end| !differ.contains(end)).collect();
        for (end, count) in counts(ends.policy(Side::After), direction, ends, missing.into_iter()) {
            let both = (count.reach(), count.reach());
            match (found.get_mut(&end), direction) {
                (Some(own), Direction::Egress) => own.reaches = both,
                (Some(own), Direction::Ingress) => own.reached_by = both,
                (None, _) => {}
            }
        }
    }
    found
}

fn blank(ends: &Ends<'_>, end: u32) -> Moved {
    let (before, after) = pair(ends, end, end);
    Moved {
        reaches: Default::default(),
        reached_by: Default::default(),
        own: (level(&before), level(&after)),
    }
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
        let mut by_class: BTreeMap<u32, Count> = BTreeMap::new();
        for (_, across) in policy.rows_in_use(other) {
            // The sides of each value that the other row has for some of these.
            let pieces = sides(across, &own);
            if pieces.is_empty() {
                continue;
            }
            for (value, members) in &row.pieces {
                let there = members.intersection(&across.subjects);
                if there.is_empty() {
                    continue;
                }
                let weight: u64 = there
                    .iter()
                    .filter_map(|class| policy.classes().get(ClassId(class)))
                    .map(|class| class.endpoints.len() as u64)
                    .sum();
                for (other_value, set) in &pieces {
                    let level = *levels.entry((*value, *other_value)).or_insert_with(|| {
                        let (out, into) = match direction {
                            Direction::Egress => (*value, *other_value),
                            Direction::Ingress => (*other_value, *value),
                        };
                        level(&policy.values().combine(out, into))
                    });
                    for class in set {
                        by_class.entry(*class).or_default().add(level, weight, 1);
                    }
                }
            }
        }
        for (class, count) in by_class {
            for end in classes.get(&class).into_iter().flatten() {
                found.insert(*end, count);
            }
        }
    }
    found
}

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
