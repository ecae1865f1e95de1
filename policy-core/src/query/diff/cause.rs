//! Which changes made a difference: found by making them one at a time and by leaving them out one
//! at a time, with ends that stand for all that no candidate tells apart.

mod alike;

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Difference, Who};
use super::ends::{Ends, Side};
use super::trial::{Sample, Trial};
use super::{Level, Turn};
use crate::compile::Cell;
use crate::limits;
use crate::manifest::document::{Kind, ObjectKey};
use crate::map::Map;
use crate::netset::{Direction, Members, Traffic};
use crate::rulebook::{Policy, PolicyId};

/// A change that may have made a difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Candidate {
    Policy(ObjectKey),
    Namespace(ObjectKey),
    /// Every node that changed.
    Nodes,
    /// The source itself.
    From,
    /// The destination itself.
    To,
    /// Any object.
    Object(ObjectKey),
}

/// Traffic that changed from one verdict to another, with what made it so.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) turn: Option<Turn>,
    pub(super) before: Level,
    pub(super) after: Level,
    pub(super) from: Who,
    pub(super) to: Who,
    pub(super) traffic: Traffic,
    pub(super) because: BTreeSet<Candidate>,
}

pub(super) struct Causes<'e, 'p> {
    ends: &'e Ends<'p>,
    /// The only change that there is.
    only: Option<Candidate>,
    before: BTreeMap<PolicyId, ObjectKey>,
    after: BTreeMap<PolicyId, ObjectKey>,
    admins: Vec<&'p Policy>,
    has_node: bool,
    has_changed_admin: bool,
    known: Map<(u32, u32, BTreeSet<Candidate>), Option<Cell>>,
    /// Of an end: the policies that select it with some of the changes, but on neither side.
    between: Map<u32, Between<'p>>,
    trials: usize,
}

impl<'e, 'p> Causes<'e, 'p> {
    pub(super) fn new(ends: &'e Ends<'p>) -> Causes<'e, 'p> {
        let record = ends.record();
        let rulebook = ends.policy(Side::After).rulebook();
        let changed = &record.policies_changed;
        let objects = record.objects.keys().chain(changed.keys());
        let mut objects = objects.map(|key| Candidate::Object(key.clone()));
        let only = objects.next().filter(|_| objects.next().is_none());
        let after = changed.keys().filter_map(|key| Some((rulebook.of(key)?, key.clone())));
        let before = changed.iter().filter_map(|(key, id)| Some(((*id)?, key.clone())));
        let is_admin = |policy: &&Policy| policy.origin.kind.is_admin_policy();
        let admins = rulebook.iter().map(|(_, policy)| policy).filter(is_admin);
        let admins = admins.filter(|policy| !changed.contains_key(&policy.origin));
        // Only trials ask for them, and where there is one change nothing is tried.
        let admins = if only.is_some() { Vec::new() } else { admins.collect() };
        Causes {
            ends,
            before: before.collect(),
            after: after.collect(),
            admins,
            has_node: record.objects.keys().any(|key| key.kind == Kind::Node),
            has_changed_admin: changed.keys().any(|key| key.kind.is_admin_policy()),
            only,
            known: Map::default(),
            between: Map::default(),
            trials: 0,
        }
    }

    /// The pieces of a difference, each with its causes.
    pub(super) fn pieces(&mut self, difference: Difference, each: &mut impl FnMut(Piece)) {
        let ends = self.ends;
        let first = |who: &Who| who.ends.first();
        let is_absent = |who: &Who| {
            first(who).is_some_and(|end| {
                [Side::Before, Side::After].iter().any(|side| ends.class(*side, end).is_none())
            })
        };
        // Ends that are extra stand in differences of their own kind, but may be beside others.
        let extras = |who: &Who| -> Vec<Who> {
            let own = who.ends.difference(ends.stayed());
            if own.is_empty() {
                return vec![who.clone()];
            }
            let mut parts: Vec<Who> =
                own.iter().map(|end| Who::ends(Members::single(end))).collect();
            let rest = who.ends.difference(&own);
            if !rest.is_empty() {
                parts.push(Who::ends(rest));
            }
            parts
        };
        if let Some(only) = &self.only {
            let because = BTreeSet::from([only.clone()]);
            let Difference { from, to, before, after } = difference;
            split(&from, &to, &before, &after, &because, None, each);
            return;
        }
        for from in extras(&difference.from) {
            for to in extras(&difference.to) {
                let (before, after) = (&difference.before, &difference.after);
                let mut because = BTreeSet::new();
                if is_absent(&from) {
                    because.insert(Candidate::From);
                }
                if is_absent(&to) {
                    because.insert(Candidate::To);
                }
                if !because.is_empty() {
                    split(&from, &to, before, after, &because, None, each);
                    continue;
                }
                self.judge(&from, &to, before, after, each);
            }
        }
    }

    /// A difference between ends that are on both sides.
    fn judge(
        &mut self,
        from: &Who,
        to: &Who,
        before: &Cell,
        after: &Cell,
        each: &mut impl FnMut(Piece),
    ) {
        let policies = self.policies(from, to);
        for (from, from_signature) in self.alike(from, Direction::Ingress, &policies) {
            for (to, to_signature) in self.alike(to, Direction::Egress, &policies) {
                let mut candidates: BTreeSet<Candidate> =
                    policies.changed.keys().cloned().map(Candidate::Policy).collect();
                for (who, own) in [(&from, Candidate::From), (&to, Candidate::To)] {
                    if who.ends.first().is_some_and(|end| self.is_changed(end)) {
                        candidates.insert(own);
                    }
                }
                for namespace in [from_signature.namespace, to_signature.namespace] {
                    let cluster = self.ends.policy(Side::After).cluster();
                    let name = namespace.and_then(|id| cluster.namespace(id));
                    candidates.extend(name.map(|own| {
                        Candidate::Namespace(ObjectKey {
                            kind: Kind::Namespace,
                            namespace: String::new(),
                            name: own.name.clone(),
                        })
                    }));
                }
                if self.has_node {
                    candidates.insert(Candidate::Nodes);
                }
                if candidates.len() < 2 {
                    let because = if candidates.is_empty() { self.all() } else { candidates };
                    split(&from, &to, before, after, &because, None, each);
                    continue;
                }
                let effects = self.effects(&from, &to, &policies, &candidates);
                split(&from, &to, before, after, &candidates, effects.as_ref(), each);
            }
        }
    }

    /// Every change, where nothing narrows it down.
    fn all(&self) -> BTreeSet<Candidate> {
        let record = self.ends.record();
        let keys = record.objects.keys().chain(record.policies_changed.keys());
        keys.cloned().map(Candidate::Object).collect()
    }

    /// Whether an end itself changed, and not what is said of it.
    fn is_changed(&self, end: u32) -> bool {
        let record = self.ends.record();
        !self.ends.stayed().contains(end)
            && self.ends.moved(end).iter().any(|moved| match (moved.before, moved.after) {
                (Some(one), Some(_)) => {
                    let key = self.ends.key_of(one);
                    record.whole.is_none()
                        || key.is_some_and(|key| record.objects.contains_key(&key))
                }
                _ => true,
            })
    }

    /// What each candidate does alone, and what is missing without it.
    fn effects(
        &mut self,
        from: &Who,
        to: &Who,
        policies: &Policies<'p>,
        candidates: &BTreeSet<Candidate>,
    ) -> Option<Effects> {
        let (one, other) = (self.sample(from)?, self.sample(to)?);
        let standing: BTreeMap<&ObjectKey, &Policy> = policies
            .standing
            .iter()
            .chain(&self.admins)
            .map(|policy| (&policy.origin, *policy))
            .collect();
        let trial = Trial {
            ends: self.ends,
            from: one,
            to: other,
            standing: standing.into_values().collect(),
            changed: policies.changed.clone(),
        };
        let number = |sample: &Sample<'_>| match sample {
            Sample::Endpoint(end, ..) => *end,
            Sample::Address(_) => u32::MAX,
        };
        let ends = (number(&one), number(&other));
        let mut ask = |made: BTreeSet<&Candidate>| -> Option<Cell> {
            let is_inside = ends.0 != u32::MAX && ends.1 != u32::MAX;
            let key = (ends.0, ends.1, made.iter().copied().cloned().collect());
            if let (true, Some(known)) = (is_inside, self.known.get(&key)) {
                return known.clone();
            }
            if self.trials >= limits::DIFF_TRIALS {
                return None;
            }
            self.trials += 1;
            let cell = trial.cell(&made);
            if is_inside {
                self.known.insert(key, cell.clone());
            }
            cell
        };
        let mut effects = Effects::default();
        for candidate in candidates {
            let without = candidates.iter().filter(|other| *other != candidate).collect();
            effects.without.push((candidate.clone(), ask(without)?));
            effects.alone.push((candidate.clone(), ask(BTreeSet::from([candidate]))?));
        }
        Some(effects)
    }

    fn sample(&self, who: &Who) -> Option<Sample<'p>> {
        let Some(end) = who.ends.first() else {
            return Some(Sample::Address(who.addresses.first()?.0));
        };
        let moved = self.ends.moved(end);
        let both = moved.iter().find_map(|one| Some((one.before?, one.after?.1)));
        let apart = || {
            let before = moved.iter().find_map(|one| one.before);
            let after = moved.iter().find_map(|one| one.after.map(|(_, own)| own));
            before.zip(after)
        };
        let stayed = || self.ends.stayed_in(end).next().map(|(_, own)| (own, own));
        let (before, after) = if self.ends.stayed().contains(end) {
            stayed().or(both).or_else(apart)?
        } else {
            both.or_else(apart)?
        };
        Some(Sample::Endpoint(end, before, after))
    }

    /// The policies that speak of either end, on either side or between.
    fn policies(&mut self, from: &Who, to: &Who) -> Policies<'p> {
        let mut found = Policies::default();
        let rulebook = self.ends.policy(Side::After).rulebook();
        for (who, own) in [(from, Direction::Egress), (to, Direction::Ingress)] {
            let Some(end) = who.ends.first() else { continue };
            let row_of = |side, direction| {
                self.ends.row(side, direction, self.ends.handle(side, direction, end))
            };
            // The other direction counts for what stands between (C16), on whichever side it does.
            let sides = [Side::Before, Side::After];
            let is_layered =
                sides.iter().any(|side| row_of(*side, own).is_some_and(|row| row.is_layered));
            for side in sides {
                for direction in Direction::ALL {
                    let matters = direction == own || is_layered;
                    let Some(row) = row_of(side, direction).filter(|_| matters) else { continue };
                    for id in &row.key.policies {
                        let changed = match side {
                            Side::Before => self.before.get(id),
                            Side::After => self.after.get(id),
                        };
                        match changed {
                            Some(key) => {
                                found.changed.insert(key.clone(), self.versions(key));
                            }
                            None => found.standing.extend(rulebook.get(*id)),
                        }
                    }
                }
            }
        }
        for (who, own) in [(from, Direction::Egress), (to, Direction::Ingress)] {
            for end in who.ends.iter() {
                let Between { standing, changed } = self.between(end);
                found.between.extend(&standing);
                found.standing.extend(standing);
                for key in changed {
                    let (was, is) = self.versions(&key);
                    let versions = || [was, is].into_iter().flatten();
                    // The other direction counts for what stands between (C16).
                    let is_layered = !self.admins.is_empty() || self.has_changed_admin;
                    if is_layered || versions().any(|policy| policy.matches(own).is_some()) {
                        found.between.extend(versions());
                        found.changed.insert(key, (was, is));
                    }
                }
            }
        }
        found.between.sort_by(|a, b| a.origin.cmp(&b.origin));
        found.between.dedup_by(|a, b| std::ptr::eq(*a, *b));
        found
    }

    /// A policy that changed, as it was and as it is.
    fn versions(&self, key: &ObjectKey) -> (Option<&'p Policy>, Option<&'p Policy>) {
        let rulebook = self.ends.policy(Side::After).rulebook();
        let record = self.ends.record();
        let was = record.policies_changed.get(key).copied().flatten();
        let was = was.and_then(|id| record.policies.get(&id));
        (was, rulebook.of(key).and_then(|id| rulebook.get(id)))
    }

    /// The policies that select an end where it, its namespace and they are of two sides.
    fn between(&mut self, end: u32) -> Between<'p> {
        if let Some(known) = self.between.get(&end) {
            return known.clone();
        }
        let found = self.select_between(end);
        self.between.insert(end, found.clone());
        found
    }

    fn select_between(&self, end: u32) -> Between<'p> {
        let mut found = Between::default();
        let Some(Sample::Endpoint(_, before, after)) =
            self.sample(&Who::ends(Members::single(end)))
        else {
            return found;
        };
        let record = self.ends.record();
        let is_changed = self.is_changed(end);
        if !is_changed && !record.relabelled.contains(&after.namespace) {
            return found;
        }
        let selects = |policy: &Policy| {
            // NetworkPolicies ask for no label of a namespace.
            (is_changed || policy.origin.kind.is_admin_policy())
                && [Side::Before, Side::After].into_iter().any(|side| {
                    let subject = &policy.subject;
                    self.selects(side, subject, before) || self.selects(side, subject, after)
                })
        };
        found.standing.extend(self.admins.iter().copied().filter(|policy| selects(policy)));
        for key in record.policies_changed.keys() {
            let (was, is) = self.versions(key);
            if [was, is].into_iter().flatten().any(selects) {
                found.changed.push(key.clone());
            }
        }
        found
    }
}

/// Policies that may count between two ends.
#[derive(Default)]
struct Policies<'p> {
    standing: Vec<&'p Policy>,
    changed: BTreeMap<ObjectKey, (Option<&'p Policy>, Option<&'p Policy>)>,
    /// Those of either whose subjects ends may be where changes are made one at a time.
    between: Vec<&'p Policy>,
}

/// Policies that may select an end where changes are made one at a time.
#[derive(Clone, Debug, Default)]
struct Between<'p> {
    standing: Vec<&'p Policy>,
    changed: Vec<ObjectKey>,
}

/// What flows without one change, and with it alone.
#[derive(Debug, Default)]
struct Effects {
    without: Vec<(Candidate, Cell)>,
    alone: Vec<(Candidate, Cell)>,
}

/// The part of a cell that has a verdict.
pub(super) fn at(cell: &Cell, level: Level) -> Traffic {
    match level {
        Level::Allow => cell.allowed.clone(),
        Level::Depends => cell.depends.clone(),
        Level::Deny => Traffic::all().difference(&cell.allowed).difference(&cell.depends),
    }
}

/// The pieces of a difference by verdicts, and these by what made them.
fn split(
    from: &Who,
    to: &Who,
    before: &Cell,
    after: &Cell,
    candidates: &BTreeSet<Candidate>,
    effects: Option<&Effects>,
    each: &mut impl FnMut(Piece),
) {
    for was in Level::ALL {
        for is in Level::ALL {
            let traffic = at(before, was).intersection(&at(after, is));
            if traffic.is_empty() || (was == is && was != Level::Allow) {
                continue;
            }
            let turn = Turn::of(was, is);
            let parts = match (turn, effects) {
                (None, _) => vec![(traffic, BTreeSet::new())],
                (Some(_), None) => vec![(traffic, candidates.clone())],
                (Some(_), Some(effects)) => blame(traffic, is, effects, candidates),
            };
            for (traffic, because) in parts {
                let (from, to) = (from.clone(), to.clone());
                each(Piece { turn, before: was, after: is, from, to, traffic, because });
            }
        }
    }
}

/// Traffic by what made it so: the changes without which it would not be; if there are none, those
/// that suffice alone; else all together.
fn blame(
    traffic: Traffic,
    is: Level,
    effects: &Effects,
    candidates: &BTreeSet<Candidate>,
) -> Vec<(Traffic, BTreeSet<Candidate>)> {
    type Parts = Vec<(Traffic, BTreeSet<Candidate>)>;
    let divide = |parts: Parts, candidate: &Candidate, set: &Traffic| -> Parts {
        let mut finer = Vec::new();
        for (traffic, because) in parts {
            let (within, rest) = (traffic.intersection(set), traffic.difference(set));
            if !within.is_empty() {
                let mut because = because.clone();
                because.insert(candidate.clone());
                finer.push((within, because));
            }
            if !rest.is_empty() {
                finer.push((rest, because));
            }
        }
        finer
    };
    let mut parts: Parts = vec![(traffic, BTreeSet::new())];
    for (candidate, cell) in &effects.without {
        let missing = Traffic::all().difference(&at(cell, is));
        parts = divide(parts, candidate, &missing);
    }
    let mut done = Vec::new();
    for (traffic, because) in parts {
        if !because.is_empty() {
            done.push((traffic, because));
            continue;
        }
        let mut own: Parts = vec![(traffic, because)];
        for (candidate, cell) in &effects.alone {
            own = divide(own, candidate, &at(cell, is));
        }
        done.extend(own.into_iter().map(|(traffic, because)| {
            (traffic, if because.is_empty() { candidates.clone() } else { because })
        }));
    }
    done
}
