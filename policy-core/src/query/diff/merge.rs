//! Pieces put together into few blocks, with names and in order.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::{Candidate, Piece};
use super::compare::Who;
use super::ends::{Ends, Side};
use super::radius::Moved;
use super::{
    Cause, Diff, DiffBlock, DiffEnd, DiffEnds, Exposure, How, KeptBlock, Level, RadiusMoved, Turn,
    names,
};
use crate::cluster::number;
use crate::manifest::document::{Kind, ObjectKey};
use crate::netset::{AddressSet, Family, Members, Traffic};

/// A difference, and which objects are named in it.
pub(super) struct Found {
    pub(super) diff: Diff,
    causes: BTreeSet<(String, String, String)>,
}

impl Found {
    /// Whether an object is among the causes.
    pub(super) fn counts(&self, key: &ObjectKey) -> bool {
        let own = (key.kind.name().to_owned(), key.namespace.clone(), key.name.clone());
        self.causes.contains(&own)
    }
}

/// What the pieces of a block have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    turn: Option<Turn>,
    before: Level,
    after: Level,
    traffic: Traffic,
    because: BTreeSet<Candidate>,
}

pub(super) fn blocks(ends: &Ends<'_>, pieces: Vec<Piece>, radius: BTreeMap<u32, Moved>) -> Found {
    let mut by_key: BTreeMap<Key, Vec<(Who, Who)>> = BTreeMap::new();
    for piece in pieces {
        let Piece { turn, before, after, from, to, traffic, because } = piece;
        let key = Key { turn, before, after, traffic, because };
        by_key.entry(key).or_default().push((from, to));
    }
    let mut all: Vec<(Key, Who, Who)> = Vec::new();
    for (key, pairs) in by_key {
        for (from, to) in joined(pairs) {
            let (from, to) = without_itself(ends, from, to);
            if !is_itself(ends, &from, &to) {
                all.push((key.clone(), from, to));
            }
        }
    }
    let mut mentioned: BTreeSet<u32> = radius.keys().copied().collect();
    for (_, from, to) in &all {
        mentioned.extend(from.ends.iter().chain(to.ends.iter()));
    }
    let mut named: Vec<(u32, DiffEnd)> =
        mentioned.into_iter().map(|end| (end, names::end(ends, end))).collect();
    named.sort_by(|(a, one), (b, other)| {
        let key =
            |end: &DiffEnd| (end.namespace.clone(), end.units.first().map(|own| own.name.clone()));
        key(one).cmp(&key(other)).then(a.cmp(b))
    });
    let places: BTreeMap<u32, u32> =
        (0..).zip(&named).map(|(place, (end, _))| (*end, place)).collect();
    let place = |who: Who| DiffEnds {
        ends: who.ends.iter().filter_map(|end| places.get(&end).copied()).collect(),
        addresses: who.addresses,
    };
    let mut diff = Diff::default();
    let mut causes = BTreeSet::new();
    for (key, from, to) in all {
        let Some(turn) = key.turn else {
            let (from, to) = (place(from), place(to));
            diff.kept.push(KeptBlock { from, to, traffic: key.traffic });
            continue;
        };
        let because = named_causes(ends, &key.because, &from, &to);
        causes.extend(
            because.iter().map(|one| (one.kind.clone(), one.namespace.clone(), one.name.clone())),
        );
        causes.extend(objects_of(ends, &key.because, &from, &to));
        let (from, to) = (place(from), place(to));
        diff.blocks.push(DiffBlock {
            turn,
            before: key.before,
            after: key.after,
            exposure: exposure(&named, &from, &to),
            from,
            to,
            traffic: key.traffic,
            because,
        });
    }
    sort(&mut diff.blocks);
    diff.kept.sort_by(|a, b| (&a.from, &a.to, &a.traffic).cmp(&(&b.from, &b.to, &b.traffic)));
    for (end, moved) in radius {
        let Some((_, named)) = places.get(&end).and_then(|place| named.get(*place as usize)) else {
            continue;
        };
        let mut by_kind: BTreeMap<(bool, bool), Vec<String>> = BTreeMap::new();
        for unit in &named.units {
            by_kind.entry(unit.is_pods).or_default().push(unit.name.clone());
        }
        for ((was_pod, is_pod), units) in by_kind {
            let own = moved.without_itself(was_pod, is_pod);
            if own.is_moved() {
                let Moved { reaches, reached_by, .. } = own;
                let namespace = named.namespace.clone();
                diff.radius.push(RadiusMoved { namespace, units, reaches, reached_by });
            }
        }
    }
    let growth = |one: &RadiusMoved| {
        let more = |(was, is): (super::Reach, super::Reach)| {
            let all = |reach: super::Reach| i128::from(reach.allowed + reach.depends);
            all(is) - all(was)
        };
        one.reaches.map_or(0, more) + one.reached_by.map_or(0, more)
    };
    diff.radius.sort_by(|a, b| growth(b).cmp(&growth(a)).then_with(|| a.units.cmp(&b.units)));
    diff.ends = named.into_iter().map(|(_, end)| end).collect();
    Found { diff, causes }
}

/// By turn, the most exposing first, then by name.
pub(super) fn sort(blocks: &mut [DiffBlock]) {
    blocks.sort_by(|a, b| {
        let key = |one: &DiffBlock| (one.turn, one.exposure);
        key(a).cmp(&key(b)).then_with(|| {
            (&a.from, &a.to, a.before, a.after, &a.traffic, &a.because)
                .cmp(&(&b.from, &b.to, b.before, b.after, &b.traffic, &b.because))
        })
    });
}

/// Pairs of sides, with those of one destination put together, then those of one source.
fn joined(pairs: Vec<(Who, Who)>) -> Vec<(Who, Who)> {
    let mut pairs = pairs;
    for _ in 0..2 {
        let swapped = pairs.into_iter().map(|(from, to)| (to, from)).collect();
        let by_to = group(swapped);
        let swapped = by_to.into_iter().map(|(to, from)| (from, to)).collect();
        pairs = group(swapped);
    }
    pairs
}

/// Joins the second sides of those that have the first in common.
fn group(pairs: Vec<(Who, Who)>) -> Vec<(Who, Who)> {
    let mut by_first: BTreeMap<Who, Vec<Who>> = BTreeMap::new();
    for (one, other) in pairs {
        by_first.entry(one).or_default().push(other);
    }
    by_first.into_iter().map(|(one, others)| (one, union(others))).collect()
}

fn union(all: Vec<Who>) -> Who {
    if let [only] = all.as_slice() {
        return only.clone();
    }
    let ends = Members::union_all(all.iter().map(|who| &who.ends));
    let mut addresses = AddressSet::empty();
    for (first, last) in all.iter().flat_map(|who| &who.addresses) {
        addresses = addresses.union(&AddressSet::from_range(*first, *last));
    }
    let mut ranges: Vec<_> = addresses.ranges().collect();
    ranges.sort_by_key(|(first, _)| (Family::of(*first) == Family::V6, number(*first)));
    Who { ends, addresses: ranges }
}

/// Sides without a pod that would stand across from itself alone.
fn without_itself(ends: &Ends<'_>, mut from: Who, mut to: Who) -> (Who, Who) {
    let only = |who: &Who| {
        let end = who.ends.first().filter(|_| who.ends.len() == 1 && who.addresses.is_empty())?;
        ends.is_one_pod(end).then_some(end)
    };
    let is_more = |who: &Who| who.ends.len() > 1 || !who.addresses.is_empty();
    if let Some(end) = only(&to).filter(|_| is_more(&from)) {
        from.ends = from.ends.without(end);
    } else if let Some(end) = only(&from).filter(|_| is_more(&to)) {
        to.ends = to.ends.without(end);
    }
    (from, to)
}

/// Whether there is nothing in it but a pod and itself.
fn is_itself(ends: &Ends<'_>, from: &Who, to: &Who) -> bool {
    from == to
        && from.addresses.is_empty()
        && from.ends.len() == 1
        && from.ends.first().is_some_and(|end| ends.is_one_pod(end))
}

pub(super) fn exposure(named: &[(u32, DiffEnd)], from: &DiffEnds, to: &DiffEnds) -> Exposure {
    if !from.addresses.is_empty() {
        return Exposure::FromOutside;
    }
    if !to.addresses.is_empty() {
        return Exposure::ToOutside;
    }
    let namespace = |place: u32| named.get(place as usize).map(|(_, end)| end.namespace.as_str());
    let mut all = from.ends.iter().chain(to.ends.iter()).map(namespace);
    let first = all.next();
    if all.all(|other| Some(other) == first) {
        Exposure::WithinNamespace
    } else {
        Exposure::AcrossNamespaces
    }
}

/// The causes of a block by name.
fn named_causes(
    ends: &Ends<'_>,
    because: &BTreeSet<Candidate>,
    from: &Who,
    to: &Who,
) -> Vec<Cause> {
    let mut causes: BTreeSet<Cause> = BTreeSet::new();
    for candidate in because {
        match candidate {
            Candidate::Policy(key) | Candidate::Namespace(key) | Candidate::Object(key) => {
                causes.insert(of_object(ends, key));
            }
            Candidate::Nodes => {
                let nodes = ends.record().objects.keys().filter(|key| key.kind == Kind::Node);
                causes.extend(nodes.map(|key| of_object(ends, key)));
            }
            Candidate::From => causes.extend(of_ends(ends, from)),
            Candidate::To => causes.extend(of_ends(ends, to)),
        }
    }
    causes.into_iter().collect()
}

fn of_ends(ends: &Ends<'_>, who: &Who) -> BTreeSet<Cause> {
    who.ends.iter().flat_map(|end| names::own_causes(ends, end)).collect()
}

fn of_object(ends: &Ends<'_>, key: &ObjectKey) -> Cause {
    let (how, what) = if key.kind.is_policy() {
        let was = ends.record().policies_changed.get(key).copied().flatten().is_some();
        let is = ends.policy(Side::After).rulebook().of(key).is_some();
        (how(was, is), Vec::new())
    } else {
        let (was, is) = (ends.object(Side::Before, key), ends.object(Side::After, key));
        let what = was.zip(is).map_or_else(Vec::new, |(was, is)| names::differences(was, is));
        (how(was.is_some(), is.is_some()), what)
    };
    Cause {
        kind: key.kind.name().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        how,
        what,
    }
}

fn how(was: bool, is: bool) -> How {
    match (was, is) {
        (false, _) => How::Added,
        (true, false) => How::Removed,
        (true, true) => How::Changed,
    }
}

/// The objects that came, went or changed behind the causes that are ends.
fn objects_of(
    ends: &Ends<'_>,
    because: &BTreeSet<Candidate>,
    from: &Who,
    to: &Who,
) -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for (candidate, who) in [(Candidate::From, from), (Candidate::To, to)] {
        if !because.contains(&candidate) {
            continue;
        }
        for moved in who.ends.iter().flat_map(|end| ends.moved(end)) {
            let endpoints = moved.before.into_iter().chain(moved.after.map(|(_, own)| own));
            let keys = endpoints.filter_map(|one| ends.key_of(one));
            found.extend(keys.map(|key| (key.kind.name().to_owned(), key.namespace, key.name)));
        }
    }
    found
}
