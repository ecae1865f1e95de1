//! Which changes made a difference: found by making them one at a time and by leaving them out one
//! at a time, with ends that stand for all that no candidate tells apart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::compare::{Difference, Who};
use super::ends::{Ends, Side};
use super::trial::{Sample, Trial};
use super::{Level, Turn};
use crate::cluster::{Address, Endpoint, NamedPort, NamespaceId, Selector, Symbol, number};
use crate::compile::{Cell, FAMILIES};
use crate::limits;
use crate::manifest::document::{Body, Kind, ObjectKey};
use crate::map::Map;
use crate::netset::{AddressSet, Direction, Family, Members, Traffic};
use crate::rulebook::{Namespaces, Peer, Peers, PodMatch, Policy, PolicyId};

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
    known: Map<(u32, u32, BTreeSet<Candidate>), Option<Cell>>,
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
            only,
            known: Map::default(),
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

    /// The policies that speak of either end, on either side.
    fn policies(&self, from: &Who, to: &Who) -> Policies<'p> {
        let mut found = Policies { standing: Vec::new(), changed: BTreeMap::new() };
        let rulebook = self.ends.policy(Side::After).rulebook();
        let record = self.ends.record();
        for (who, own) in [(from, Direction::Egress), (to, Direction::Ingress)] {
            let Some(end) = who.ends.first() else { continue };
            for side in [Side::Before, Side::After] {
                for direction in Direction::ALL {
                    let row_of = |direction| {
                        let handle = self.ends.handle(side, direction, end);
                        self.ends.row(side, direction, handle)
                    };
                    // The other direction counts for what stands between (C16).
                    let matters = direction == own || row_of(own).is_some_and(|row| row.is_layered);
                    let Some(row) = row_of(direction).filter(|_| matters) else { continue };
                    for id in &row.key.policies {
                        let changed = match side {
                            Side::Before => self.before.get(id),
                            Side::After => self.after.get(id),
                        };
                        match changed {
                            Some(key) => {
                                let was = record.policies_changed.get(key).copied().flatten();
                                let was = was.and_then(|id| record.policies.get(&id));
                                let is = rulebook.of(key).and_then(|id| rulebook.get(id));
                                found.changed.insert(key.clone(), (was, is));
                            }
                            None => found.standing.extend(rulebook.get(*id)),
                        }
                    }
                }
            }
        }
        found
    }

    /// Some ends by what the policies that may count say of them as peers.
    fn alike(
        &self,
        who: &Who,
        direction: Direction,
        policies: &Policies<'p>,
    ) -> Vec<(Who, Signature)> {
        let changed = policies.changed.values().flat_map(|(was, is)| [*was, *is]).flatten();
        // Where administrators speak, who decides may differ though the verdict does not.
        let all = changed.clone().chain(policies.standing.iter().copied());
        let has_admin = all.clone().any(|policy| policy.origin.kind.is_admin_policy());
        let speaking: Vec<&Policy> = if has_admin { all.collect() } else { changed.collect() };
        let peers: Vec<&Peer> = speaking
            .iter()
            .filter_map(|policy| policy.matches(direction))
            .flatten()
            .filter_map(|one| match &one.peers {
                Peers::Anyone => None,
                Peers::Some(peers) => Some(peers),
            })
            .flatten()
            .collect();
        if who.ends.is_empty() {
            return self.address_groups(who, &peers);
        }
        let mut groups: BTreeMap<Signature, Vec<u32>> = BTreeMap::new();
        for end in who.ends.iter() {
            groups.entry(self.signature(end, &peers)).or_default().push(end);
        }
        let who = |ends: Vec<u32>| Who::ends(ends.into_iter().collect());
        groups.into_iter().map(|(signature, ends)| (who(ends), signature)).collect()
    }

    fn signature(&self, end: u32, peers: &[&Peer]) -> Signature {
        let Some(Sample::Endpoint(_, before, after)) =
            self.sample(&Who::ends(Members::single(end)))
        else {
            return Signature::default();
        };
        let record = self.ends.record();
        let mut signature = Signature {
            namespace: record.relabelled.contains(&after.namespace).then_some(after.namespace),
            changed: self.is_changed(end).then_some(end),
            ports: after.ports.to_vec(),
            host: after.host_network.then_some(after.node),
            known: after.addresses.map(|address| match address {
                Address::Absent => 0,
                Address::Unknown => 1,
                Address::Known(_) => 2,
            }),
            matches: Vec::new(),
        };
        for peer in peers {
            for (side, endpoint) in [(Side::Before, before), (Side::After, after)] {
                signature.matches.push(match peer {
                    Peer::Pods(pods) => self.selects(side, pods, endpoint),
                    Peer::Addresses(addresses) => FAMILIES.iter().any(|family| {
                        matches!(endpoint.address(*family),
                                 Address::Known(ip) if addresses.contains(ip))
                    }),
                    Peer::Nodes(_) | Peer::DomainNames(_) => false,
                });
            }
        }
        signature
    }

    fn selects(&self, side: Side, pods: &PodMatch, endpoint: &Endpoint) -> bool {
        let cluster = self.ends.policy(Side::After).cluster();
        let Some(namespace) = cluster.namespace(endpoint.namespace) else { return false };
        let there = match &pods.namespaces {
            Namespaces::Named(name) => *name == namespace.name,
            Namespaces::Labelled(selector) => {
                let key = ObjectKey {
                    kind: Kind::Namespace,
                    namespace: String::new(),
                    name: namespace.name.clone(),
                };
                let labels = self.ends.object(side, &key).and_then(|object| match &object.body {
                    Body::Namespace(own) => Some(&own.labels),
                    _ => None,
                });
                selector.matches(|key| match key {
                    crate::cluster::NAME_LABEL => Some(namespace.name.as_str()),
                    key => labels.and_then(|labels| labels.get(key)),
                })
            }
        };
        let label = |key: &str| {
            let value = endpoint.label(cluster.symbols().get(key)?)?;
            Some(cluster.symbols().text(value))
        };
        there && pods.pods.matches(label)
    }

    /// Ranges of addresses, cut where the policies cut them.
    fn address_groups(&self, who: &Who, peers: &[&Peer]) -> Vec<(Who, Signature)> {
        let blocks = peers.iter().filter_map(|peer| match peer {
            Peer::Addresses(addresses) => Some(addresses.clone()),
            Peer::Pods(_) | Peer::Nodes(_) | Peer::DomainNames(_) => None,
        });
        let blocks: Vec<AddressSet> = blocks.chain(self.node_groups(who, peers)).collect();
        let mut own = AddressSet::empty();
        for (first, last) in &who.addresses {
            own = own.union(&AddressSet::from_range(*first, *last));
        }
        let mut parts = vec![own];
        for block in &blocks {
            let cut = |part: AddressSet| [part.intersection(block), part.difference(block)];
            parts = parts.into_iter().flat_map(cut).filter(|part| !part.is_empty()).collect();
        }
        let who = |part: AddressSet| {
            let mut ranges: Vec<_> = part.ranges().collect();
            ranges.sort_by_key(|(first, _)| (Family::of(*first) == Family::V6, number(*first)));
            Who::addresses(ranges)
        };
        parts.into_iter().map(|part| (who(part), Signature::default())).collect()
    }

    /// Addresses of nodes by what some peers say of these on each side. Names stand for addresses of
    /// no node, so where they are spoken of a node's address is another thing too.
    fn node_groups(&self, who: &Who, peers: &[&Peer]) -> Vec<AddressSet> {
        let has_names = peers.iter().any(|peer| matches!(peer, Peer::DomainNames(_)));
        let selectors: Vec<&Selector> = peers
            .iter()
            .filter_map(|peer| match peer {
                Peer::Nodes(selector) => Some(selector),
                Peer::Pods(_) | Peer::Addresses(_) | Peer::DomainNames(_) => None,
            })
            .collect();
        if selectors.is_empty() && !has_names {
            return Vec::new();
        }
        let is_meant = |ip: &IpAddr| {
            who.addresses.iter().any(|(first, last)| (*first..=*last).contains(ip))
        };
        let mut signatures: BTreeMap<IpAddr, BTreeSet<(bool, Vec<bool>)>> = BTreeMap::new();
        for side in [Side::Before, Side::After] {
            for object in self.ends.nodes(side) {
                let Body::Node(node) = &object.body else { continue };
                let matches = || {
                    let one = |selector: &&Selector| selector.matches(|key| node.labels.get(key));
                    (side == Side::After, selectors.iter().map(one).collect())
                };
                for ip in node.addresses.iter().filter(|ip| is_meant(ip)) {
                    signatures.entry(*ip).or_default().insert(matches());
                }
            }
        }
        let mut groups: BTreeMap<BTreeSet<(bool, Vec<bool>)>, Vec<IpAddr>> = BTreeMap::new();
        for (ip, signature) in signatures {
            groups.entry(signature).or_default().push(ip);
        }
        let set = |all: Vec<IpAddr>| {
            let all = all.into_iter().map(|ip| AddressSet::from_range(ip, ip));
            all.fold(AddressSet::empty(), |set, one| set.union(&one))
        };
        groups.into_values().map(set).collect()
    }
}

/// Policies that may count between two ends.
struct Policies<'p> {
    standing: Vec<&'p Policy>,
    changed: BTreeMap<ObjectKey, (Option<&'p Policy>, Option<&'p Policy>)>,
}

/// What tells an end from another, as far as candidates go.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    namespace: Option<NamespaceId>,
    changed: Option<u32>,
    ports: Vec<NamedPort>,
    host: Option<Option<Symbol>>,
    known: [u8; 2],
    matches: Vec<bool>,
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
