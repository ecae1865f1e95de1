//! Which rules of the Admin tier accept anything, and with whom: those reach around whatever denies
//! below.

use std::sync::Arc;

use super::CompiledPolicy;
use super::class::{ClassId, FAMILIES, of, of_mut};
use super::layer::{LayerKey, matches, odd_classes, parts, plans_of, sets_of, starts};
use super::layered::alike;
use super::row::Ground;
use super::tier::{End, Other, RowReading, Told, decide_telling};
use super::value::Values;
use crate::cluster::{Endpoint, address, last_address};
use crate::map::Map;
use crate::netset::{Direction, Family, Members, Traffic};
use crate::profile::{BaselineReach, HostNetwork};
use crate::rulebook::{Action, Match, Policy, PolicyId, Tier};

/// A rule of the Admin tier that accepts something.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    pub(crate) policy: PolicyId,
    /// Its index in the policy's list of the direction.
    pub(crate) rule: usize,
    /// With whom it does, whatever the facts are that the manifests do not hold.
    pub(crate) certain: Others,
    /// With whom it may.
    pub(crate) possible: Others,
}

/// Some at the other end, family by family, IPv4 first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others {
    classes: [Members; 2],
    /// Whether nodes or addresses outside are among them.
    outside: [bool; 2],
}

impl Others {
    /// Whether an endpoint of a class has a flow with any of them.
    pub(crate) fn meet(&self, policy: &CompiledPolicy, subject: ClassId) -> bool {
        let classes = policy.classes();
        // A pod to itself is exempt (C15).
        let is_itself = |others: &Members| {
            let own = classes.get(subject).map_or(&[][..], |class| &class.endpoints);
            let is_pod = |id| policy.cluster().endpoint(id).is_some_and(Endpoint::is_pod);
            matches!(own, [only] if is_pod(*only)) && *others == Members::single(subject.0)
        };
        FAMILIES.into_iter().any(|family| {
            let others = of(&self.classes, family);
            let is_any = *of(&self.outside, family) || (!others.is_empty() && !is_itself(others));
            is_any && !classes.lacking(family).contains(subject.0)
        })
    }
}

/// What was worked out, by the policies that select a subject and what their port names mean there.
pub(crate) struct Accepts<'p> {
    policy: &'p CompiledPolicy,
    values: Values,
    /// The classes that have an endpoint.
    inhabited: Members,
    known: Map<LayerKey, Arc<[Accept]>>,
}

impl<'p> Accepts<'p> {
    pub(crate) fn new(policy: &'p CompiledPolicy) -> Accepts<'p> {
        let classes = policy.classes();
        let is_inhabited =
            |id: &ClassId| classes.get(*id).is_some_and(|class| !class.endpoints.is_empty());
        Accepts {
            policy,
            values: policy.values().of_traffics(),
            inhabited: classes.ids().filter(is_inhabited).map(|class| class.0).collect(),
            known: Map::default(),
        }
    }

    /// The rules that accept something for those whom the same policies select as a class, by rank.
    pub(crate) fn of(&mut self, direction: Direction, class: ClassId) -> Arc<[Accept]> {
        let ground = self.policy.ground();
        let ports = match (direction, self.policy.classes().get(class)) {
            (Direction::Ingress, Some(class)) => &class.key.ports[..],
            _ => &[],
        };
        let policies = self.policy.speaking(direction, class);
        let is_admin = |tier| tier == Tier::Admin;
        let key = LayerKey::among(direction, policies, ports, &ground, is_admin);
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let found: Arc<[Accept]> = self.work_out(&ground, &key).into();
        self.known.insert(key, Arc::clone(&found));
        found
    }

    fn work_out(&mut self, ground: &Ground<'_>, key: &LayerKey) -> Vec<Accept> {
        let direction = key.direction;
        let plans = plans_of(ground, key);
        if !matches(&plans, direction).any(|one| one.action == Action::Accept) {
            return Vec::new();
        }
        let mut found = Found::new(ground, key);
        let odd = odd_classes(ground, key, &plans).intersection(&self.inhabited);
        let even = self.inhabited.difference(&odd);
        let rules: Vec<_> = matches(&plans, direction)
            .map(|one| FAMILIES.map(|family| sets_of(ground, &mut self.values, key, one, family)))
            .collect();
        for family in FAMILIES {
            let there = even.difference(ground.classes.lacking(family));
            for (signature, members) in parts(&rules, family, &there) {
                let mut worlds = Worlds::default();
                worlds.add(&found, |at, _, _| {
                    let own = signature.binary_search_by_key(&at, |(own, _)| *own).ok();
                    let own = own.and_then(|own| signature.get(own));
                    own.map(|(_, traffic)| self.values.traffic(*traffic).clone())
                });
                found.put(&worlds, |others| {
                    let own = of_mut(&mut others.classes, family);
                    *own = own.union(&members);
                });
            }
        }
        for part in alike(ground, direction, &key.policies, &odd) {
            let class = part.first().and_then(|class| ground.classes.get(ClassId(class)));
            let peer = class.and_then(|class| ground.cluster.endpoint(*class.endpoints.first()?));
            let Some(peer) = peer else { continue };
            let other = Other::endpoint(ground.cluster, peer);
            for family in FAMILIES {
                found.ask(ground, key, &other, family, |others| {
                    let own = of_mut(&mut others.classes, family);
                    *own = own.union(&part);
                });
            }
        }
        if direction == Direction::Egress {
            outside(ground, key, &mut found);
        }
        let is_any = |accept: &Accept| {
            let Others { classes, outside } = &accept.possible;
            classes.iter().any(|own| !own.is_empty()) || *outside != [false; 2]
        };
        found.accepts.retain(is_any);
        found.accepts
    }
}

/// What rules accept with nodes and with addresses outside.
fn outside(ground: &Ground<'_>, key: &LayerKey, found: &mut Found<'_>) {
    let plans = plans_of(ground, key);
    for family in FAMILIES {
        let note = |others: &mut Others| *of_mut(&mut others.outside, family) = true;
        let starts = starts(ground, &plans, key.direction, family);
        let ends = starts.iter().skip(1).map(|start| start.saturating_sub(1));
        for (first, last) in starts.iter().zip(ends.chain([last_address(family)])) {
            // Where each address is a pod's there is nobody else.
            let addresses = (address(family, *first), address(family, last));
            let mut pods: Vec<_> = match usize::try_from(last - first) {
                Ok(more) if more < ground.cluster.endpoint_bound() => {
                    let pods = ground.cluster.pods_between(addresses.0, addresses.1);
                    pods.map(|(address, _)| address).collect()
                }
                _ => Vec::new(),
            };
            pods.dedup();
            if u128::try_from(pods.len()).is_ok_and(|count| count > last - first) {
                continue;
            }
            let other = Other::outside(ground.cluster, family, *first);
            found.ask(ground, key, &other, family, note);
        }
        for (_, node) in ground.cluster.nodes().filter(|(_, node)| node.addresses.is_empty()) {
            let other = Other::node(&node.labels, [None, None]);
            found.ask(ground, key, &other, family, note);
        }
    }
}

/// The rules of some policies by rank, and what was found of those that accept.
struct Found<'p> {
    policies: Vec<(&'p Policy, &'p [Match])>,
    accepts: Vec<Accept>,
    /// The places of those rules among all.
    places: Vec<usize>,
}

impl<'p> Found<'p> {
    fn new(ground: &Ground<'p>, key: &LayerKey) -> Found<'p> {
        let mut policies: Vec<(PolicyId, &Policy)> =
            key.policies.iter().filter_map(|id| Some((*id, ground.rulebook.get(*id)?))).collect();
        policies.sort_by_key(|(id, policy)| (policy.tier, policy.rank, *id));
        let mut found = Found { policies: Vec::new(), accepts: Vec::new(), places: Vec::new() };
        let mut place = 0;
        for (id, policy) in policies {
            let rules = policy.matches(key.direction).unwrap_or_default();
            for (rule, one) in rules.iter().enumerate() {
                if one.action == Action::Accept {
                    let (certain, possible) = (Others::default(), Others::default());
                    found.accepts.push(Accept { policy: id, rule, certain, possible });
                    found.places.push(place + rule);
                }
            }
            found.policies.push((policy, rules));
            place += rules.len();
        }
        found
    }

    /// Notes with whom those rules accept something that do in all worlds, and in some.
    fn put(&mut self, worlds: &Worlds, mut note: impl FnMut(&mut Others)) {
        for (accept, place) in self.accepts.iter_mut().zip(&self.places) {
            if worlds.certain.get(*place).is_some_and(|traffic| !traffic.is_empty()) {
                note(&mut accept.certain);
            }
            if worlds.possible.get(*place).is_some_and(|traffic| !traffic.is_empty()) {
                note(&mut accept.possible);
            }
        }
    }

    /// Asks the tier itself, in each world.
    fn ask(
        &mut self,
        ground: &Ground<'_>,
        key: &LayerKey,
        other: &Other<'_>,
        family: Family,
        mut note: impl FnMut(&mut Others),
    ) {
        let subject = Endpoint::bare(key.ports.clone());
        let policies: Vec<&Policy> = self.policies.iter().map(|(policy, _)| *policy).collect();
        let end = End {
            cluster: ground.cluster,
            profile: ground.profile,
            direction: key.direction,
            subject: &subject,
            policies: &policies,
            selected_elsewhere: false,
            exempt: false,
            joint: ground.joint,
        };
        let mut names: Vec<u16> = ground.readings.iter().map(|reading| reading.names).collect();
        names.sort_unstable();
        names.dedup();
        let mut worlds = Worlds::default();
        for names in names {
            // The clauses have no say in the Admin tier.
            let (host_network, baseline) = (HostNetwork::Node, BaselineReach::Direction);
            let reading = RowReading { host_network, baseline, names };
            let told = end.each_match(other, family, reading, |_, _, matched| {
                worlds.add(self, |_, policy, rule| Some(matched(policy, rule)));
            });
            match told {
                Told::Worlds => {}
                Told::NoFamily => return,
                Told::TooMany => {
                    for accept in &mut self.accepts {
                        note(&mut accept.possible);
                    }
                    return;
                }
            }
        }
        self.put(&worlds, note);
    }
}

/// What each rule decides, by its place among all: in all worlds so far, and in some.
#[derive(Default)]
struct Worlds {
    /// Where nothing else is decided by an alternative (C28).
    certain: Vec<Traffic>,
    possible: Vec<Traffic>,
}

impl Worlds {
    fn add(
        &mut self,
        rules: &Found<'_>,
        matched: impl Fn(usize, &Policy, &Match) -> Option<Traffic>,
    ) {
        let mut place = 0;
        let mut places = Vec::with_capacity(rules.policies.len());
        let mut traffics: Vec<Vec<(Action, Traffic)>> = Vec::with_capacity(rules.policies.len());
        for (policy, list) in &rules.policies {
            places.push(place);
            let all = (place..).zip(*list);
            let all =
                all.map(|(at, rule)| (rule.action, matched(at, policy, rule).unwrap_or_default()));
            traffics.push(all.collect());
            place += list.len();
        }
        let mut decided = vec![Traffic::empty(); place];
        let ranked = rules.policies.iter().zip(&traffics).map(|((policy, _), traffics)| {
            (policy.rank, traffics.iter().map(|(action, traffic)| (*action, traffic)))
        });
        let decision = decide_telling(ranked, |policy, rule, traffic| {
            let place = places.get(policy).map(|first| first + rule);
            if let Some(own) = place.and_then(|place| decided.get_mut(place)) {
                *own = traffic.clone();
            }
        });
        let contested = decision.deny.union(&decision.pass);
        let is_first = self.possible.is_empty();
        if is_first {
            self.certain = vec![Traffic::all(); place];
            self.possible = vec![Traffic::empty(); place];
        }
        let own = self.certain.iter_mut().zip(&mut self.possible).zip(&decided);
        for ((certain, possible), traffic) in own {
            *certain = certain.intersection(&traffic.difference(&contested));
            *possible = possible.union(traffic);
        }
    }
}
