//! What the administrators' tiers decide for those whom the same policies select, with whom: shared
//! by all rows of such subjects, whatever their NetworkPolicies say.

use std::collections::BTreeMap;

use super::class::{ClassId, FAMILIES, of};
use super::plan::{MatchPlan, Plan, PortName, ranges};
use super::row::{Ground, RowKey};
use super::tier::decide;
use super::value::{DecisionId, TrafficId, Values};
use crate::cluster::{NamedPort, Selector, address, last_address, number};
use crate::manifest::document::Labels;
use crate::map::Map;
use crate::netset::{Direction, Family, Members, PortSet, Traffic};
use crate::rulebook::{Action, PolicyId, Rank, Tier};

/// What tells one layer from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LayerKey {
    pub(super) direction: Direction,
    pub(super) policies: Box<[PolicyId]>,
    pub(super) ports: Box<[NamedPort]>,
}

impl LayerKey {
    pub(crate) fn of(direction: Direction, key: &RowKey, ground: &Ground<'_>) -> LayerKey {
        let is_admin = |tier| tier != Tier::NetworkPolicy;
        LayerKey::among(direction, &key.policies, &key.ports, ground, is_admin)
    }

    /// Of those among some policies whose tier is wanted, and a subject's own ports that they name.
    pub(super) fn among(
        direction: Direction,
        policies: &[PolicyId],
        ports: &[NamedPort],
        ground: &Ground<'_>,
        is_wanted: impl Fn(Tier) -> bool,
    ) -> LayerKey {
        let wanted =
            |id: &&PolicyId| ground.plans.get(**id).is_some_and(|plan| is_wanted(plan.tier));
        let policies: Box<[PolicyId]> = policies.iter().filter(wanted).copied().collect();
        let plans = policies.iter().filter_map(|id| ground.plans.get(*id));
        let named: Vec<PortName> = plans
            .filter_map(|plan| plan.matches(direction))
            .flatten()
            .flat_map(|one| one.named.iter().copied())
            .collect();
        let is_named = |port: &&NamedPort| {
            named.contains(&PortName { name: port.name, protocol: port.protocol })
        };
        let ports = ports.iter().filter(is_named).copied().collect();
        LayerKey { direction, policies, ports }
    }
}

/// What Admin and Baseline decide.
pub(crate) type Both = (DecisionId, DecisionId);

/// An address from which on this is decided, and the number of its kind.
pub(crate) type OutsideRun = (u128, Both, u32);

/// What the administrators' tiers decide over a set of classes.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// By what is decided in each family, IPv4 first; disjoint, and all but the odd classes.
    pub(crate) pieces: Vec<([Both; 2], Members)>,
    /// Classes for which a decision hangs on a fact that the manifests do not hold.
    pub(crate) odd: Members,
    /// For each family, what is decided from an address outside on up to the next, and of what kind
    /// it is: addresses of one kind are told apart by no rule and no fact.
    pub(crate) outside: [Vec<OutsideRun>; 2],
    /// Whether that hangs on facts, too: then it is not to be used.
    pub(crate) outside_is_odd: bool,
}

/// Whom a rule of the tiers matches in each family, by traffic.
pub(super) type Matched = [Vec<(TrafficId, Members)>; 2];

/// What each rule that matches matches, by its place among all.
pub(super) type Signature = Vec<(usize, TrafficId)>;

pub(crate) fn work_out(
    ground: &Ground<'_>,
    values: &mut Values,
    key: &LayerKey,
    universe: &Members,
) -> Layer {
    let plans = plans_of(ground, key);
    let odd = odd_classes(ground, key, &plans).intersection(universe);
    let even = universe.difference(&odd);
    let is_by_family = matches(&plans, key.direction).any(|one| one.block.is_some());
    let mut rules: Vec<Matched> = Vec::new();
    for one in matches(&plans, key.direction) {
        rules.push(FAMILIES.map(|family| sets_of(ground, values, key, one, family)));
    }
    let families: &[Family] = if is_by_family { &FAMILIES } else { &[Family::V4] };
    let parts: Vec<Vec<(Both, Members)>> = families
        .iter()
        .map(|family| decided(values, &plans, key.direction, &rules, *family, &even))
        .collect();
    let pieces = match parts.as_slice() {
        [v4, v6] => {
            let mut pieces: Vec<([Both; 2], Members)> = Vec::new();
            for (one, members) in v4 {
                for (other, others) in v6 {
                    let both = members.intersection(others);
                    if !both.is_empty() {
                        pieces.push(([*one, *other], both));
                    }
                }
            }
            pieces
        }
        [only, ..] => only.iter().map(|(both, members)| ([*both; 2], members.clone())).collect(),
        [] => Vec::new(),
    };
    let (outside, outside_is_odd) = match universe == ground.classes.all() {
        true => outside(ground, values, key, &plans),
        false => Default::default(),
    };
    Layer { pieces, odd, outside, outside_is_odd }
}

/// The policies by tier and rank.
pub(super) fn plans_of<'g>(ground: &Ground<'g>, key: &LayerKey) -> Vec<&'g Plan> {
    let mut plans: Vec<(PolicyId, &Plan)> =
        key.policies.iter().filter_map(|id| Some((*id, ground.plans.get(*id)?))).collect();
    plans.sort_by_key(|(id, plan)| (plan.tier, plan.rank, *id));
    plans.into_iter().map(|(_, plan)| plan).collect()
}

pub(super) fn matches<'p>(
    plans: &'p [&'p Plan],
    direction: Direction,
) -> impl Iterator<Item = &'p MatchPlan> {
    plans.iter().filter_map(move |plan| plan.matches(direction)).flatten()
}

/// Classes for which a rule hangs on a fact that the manifests do not hold.
pub(super) fn odd_classes(ground: &Ground<'_>, key: &LayerKey, plans: &[&Plan]) -> Members {
    let classes = ground.classes;
    let mut odd: Vec<Members> = Vec::new();
    for one in matches(plans, key.direction) {
        if one.block.is_some() {
            for family in FAMILIES {
                odd.push(classes.unknown_pods(family).clone());
                odd.push(classes.unknown_hosts(family).clone());
            }
        }
        if !one.nodes.is_empty() {
            let unread = classes.host_network().iter().filter(|class| {
                let class = classes.get(ClassId(*class));
                let node = class.and_then(|class| class.key.node);
                let name = node.map(|node| ground.cluster.symbols().text(node));
                name.and_then(|name| ground.cluster.node(name)).is_none()
            });
            odd.push(unread.collect());
        }
        for name in &one.named {
            match key.direction {
                Direction::Egress => {
                    let two = classes.with_port(*name).filter(|(numbers, _)| numbers.len() > 1);
                    odd.extend(two.map(|(_, with_port)| with_port.clone()));
                }
                Direction::Ingress => {
                    if own_numbers(key, *name).len() > 1 {
                        return classes.all().clone();
                    }
                }
            }
        }
    }
    Members::union_all(odd.iter())
}

fn own_numbers(key: &LayerKey, name: PortName) -> Vec<u16> {
    let own = key.ports.iter();
    let own = own.filter(|port| port.name == name.name && port.protocol == name.protocol);
    own.map(|port| port.port).collect()
}

/// Whom a rule matches in a family, by traffic; the sets are disjoint.
pub(super) fn sets_of(
    ground: &Ground<'_>,
    values: &mut Values,
    key: &LayerKey,
    one: &MatchPlan,
    family: Family,
) -> Vec<(TrafficId, Members)> {
    let classes = ground.classes;
    let mut peers: Vec<Members> = Vec::new();
    if one.everyone {
        peers.push(classes.all().clone());
    }
    let hosts = classes.host_network();
    let pods = one.pods.iter().filter_map(|id| ground.plans.peer(*id));
    peers.extend(pods.map(|peer| peer.difference(hosts)));
    if let Some(block) = one.block.and_then(|id| ground.plans.block(id)) {
        peers.push(of(&block.members, family).clone());
    }
    for selector in &one.nodes {
        peers.push(hosts_on(ground, selector));
    }
    let set = Members::union_all(peers.iter());
    if set.is_empty() {
        return Vec::new();
    }
    let number = |name: &PortName, number: u16| Traffic::of(name.protocol, PortSet::single(number));
    match key.direction {
        Direction::Ingress => {
            let mut traffic = values.traffic(one.fixed).clone();
            for name in &one.named {
                for own in own_numbers(key, *name) {
                    traffic = traffic.union(&number(name, own));
                }
            }
            vec![(values.traffic_id(traffic), set)]
        }
        Direction::Egress => {
            let mut parts = vec![(one.fixed, set)];
            for name in &one.named {
                let mut finer = Vec::new();
                for (traffic, mut members) in parts {
                    for (numbers, with_port) in classes.with_port(*name) {
                        // Names of what is on the host's network are nobody's.
                        let with = members.intersection(with_port).difference(hosts);
                        let [only] = numbers else { continue };
                        if !with.is_empty() {
                            members = members.difference(&with);
                            let more = values.traffic(traffic).union(&number(name, *only));
                            finer.push((values.traffic_id(more), with));
                        }
                    }
                    finer.push((traffic, members));
                }
                parts = finer;
            }
            parts
                .retain(|(traffic, members)| *traffic != TrafficId::NOTHING && !members.is_empty());
            parts
        }
    }
}

/// The classes on the network of a node with such labels.
fn hosts_on(ground: &Ground<'_>, selector: &Selector) -> Members {
    let classes = ground.classes;
    let on = classes.host_network().iter().filter(|class| {
        let node = classes.get(ClassId(*class)).and_then(|class| class.key.node);
        let name = node.map(|node| ground.cluster.symbols().text(node));
        let node = name.and_then(|name| ground.cluster.node(name));
        node.is_some_and(|node| selector.matches(|key| node.labels.get(key)))
    });
    on.collect()
}

/// The classes of a set by which rules match them, with what traffic.
pub(super) fn parts(
    rules: &[Matched],
    family: Family,
    universe: &Members,
) -> Vec<(Signature, Members)> {
    let mut parts: Vec<(Signature, Members)> = vec![(Vec::new(), universe.clone())];
    for (at, rule) in rules.iter().enumerate() {
        let mut finer = Vec::with_capacity(parts.len());
        for (signature, mut members) in parts {
            for (traffic, set) in of(rule, family) {
                let within = members.intersection(set);
                if !within.is_empty() {
                    members = members.difference(&within);
                    let mut signature = signature.clone();
                    signature.push((at, *traffic));
                    finer.push((signature, within));
                }
            }
            if !members.is_empty() {
                finer.push((signature, members));
            }
        }
        parts = finer;
    }
    parts
}

/// The classes of a set by what the tiers decide.
fn decided(
    values: &mut Values,
    plans: &[&Plan],
    direction: Direction,
    rules: &[Matched],
    family: Family,
    universe: &Members,
) -> Vec<(Both, Members)> {
    let parts = parts(rules, family, universe);
    let mut pieces: Vec<(Both, Members)> = Vec::new();
    for (signature, members) in parts {
        let both = both(values, plans, direction, |at, _| {
            let found = signature.binary_search_by_key(&at, |(own, _)| *own).ok()?;
            signature.get(found).map(|(_, traffic)| *traffic)
        });
        match pieces.iter_mut().find(|(own, _)| *own == both) {
            Some((_, own)) => *own = own.union(&members),
            None => pieces.push((both, members)),
        }
    }
    pieces
}

/// What the tiers decide, of what each rule matches, by its place among all.
fn both(
    values: &mut Values,
    plans: &[&Plan],
    direction: Direction,
    matched: impl Fn(usize, &MatchPlan) -> Option<TrafficId>,
) -> Both {
    let mut at = 0;
    type Matching = Vec<(Action, TrafficId)>;
    let policies: Vec<(Tier, Rank, Matching)> = plans
        .iter()
        .map(|plan| {
            let rules = plan.matches(direction).unwrap_or_default();
            let all = (at..).zip(rules);
            at += rules.len();
            let rules = all.filter_map(|(at, one)| Some((one.action, matched(at, one)?)));
            (plan.tier, plan.rank, rules.collect())
        })
        .collect();
    let [admin, baseline] = [Tier::Admin, Tier::Baseline].map(|tier| {
        let policies = policies.iter().filter(|(own, ..)| *own == tier);
        decide(policies.map(|(_, rank, rules)| {
            (*rank, rules.iter().map(|(action, traffic)| (*action, values.traffic(*traffic))))
        }))
    });
    (values.decision_id(admin), values.decision_id(baseline))
}

/// What is decided for addresses outside, and whether it hangs on facts.
fn outside(
    ground: &Ground<'_>,
    values: &mut Values,
    key: &LayerKey,
    plans: &[&Plan],
) -> ([Vec<OutsideRun>; 2], bool) {
    let rules: Vec<&MatchPlan> = matches(plans, key.direction).collect();
    let has_nodes = rules.iter().any(|one| !one.nodes.is_empty());
    let has_names = rules.iter().any(|one| one.domain_names);
    let is_odd = has_names || (has_nodes && !ground.cluster.has_node());
    let outside = FAMILIES.map(|family| {
        let mut nodes: BTreeMap<u128, Vec<&Labels>> = BTreeMap::new();
        // Names stand for addresses of no node.
        if has_nodes || has_names {
            for (_, node) in ground.cluster.nodes() {
                for ip in node.addresses.iter().filter(|ip| Family::of(**ip) == family) {
                    nodes.entry(number(*ip)).or_default().push(&node.labels);
                }
            }
        }
        let block = |one: &MatchPlan| one.block.and_then(|id| ground.plans.block(id));
        let starts = starts(ground, plans, key.direction, family);
        let mut known: Map<(Vec<bool>, bool), (Both, u32)> = Map::default();
        let mut runs: Vec<OutsideRun> = Vec::with_capacity(starts.len());
        for start in starts {
            let ip = address(family, start);
            let here = nodes.get(&start);
            let is_on_node = |selector: &Selector| {
                let mut all = here.into_iter().flatten();
                all.any(|labels| selector.matches(|key| labels.get(key)))
            };
            let matched: Vec<bool> = rules
                .iter()
                .map(|one| {
                    one.everyone
                        || block(one).is_some_and(|own| own.addresses.contains(ip))
                        || (here.is_some() && one.nodes.iter().any(is_on_node))
                })
                .collect();
            let kind = (matched, here.is_some());
            let (both, number) = match known.get(&kind) {
                Some(both) => *both,
                None => {
                    // Names of ports are names of pods' ports, and no rule from everyone has any.
                    let both = both(values, plans, key.direction, |at, one| {
                        kind.0.get(at).is_some_and(|matched| *matched).then_some(one.fixed)
                    });
                    let new = (both, u32::try_from(known.len()).unwrap_or(u32::MAX));
                    known.insert(kind, new);
                    new
                }
            };
            // Where it hangs on facts, each kind is asked about.
            let is_same =
                |(_, last, kind): &OutsideRun| *last == both && (!is_odd || *kind == number);
            if !runs.last().is_some_and(is_same) {
                runs.push((start, both, number));
            }
        }
        runs
    });
    (outside, is_odd)
}

/// The addresses of a family from which on rules may decide otherwise than before.
pub(super) fn starts(
    ground: &Ground<'_>,
    plans: &[&Plan],
    direction: Direction,
    family: Family,
) -> Vec<u128> {
    let mut starts = vec![0_u128];
    let mut cut = |first: u128, last: u128| {
        starts.push(first);
        if last < last_address(family) {
            starts.push(last + 1);
        }
    };
    for one in matches(plans, direction) {
        if let Some(block) = one.block.and_then(|id| ground.plans.block(id)) {
            ranges(&block.addresses, family).for_each(|(first, last)| cut(first, last));
        }
    }
    // Names stand for addresses of no node.
    if matches(plans, direction).any(|one| !one.nodes.is_empty() || one.domain_names) {
        let addresses = ground.cluster.nodes().flat_map(|(_, node)| &node.addresses);
        for ip in addresses.filter(|ip| Family::of(**ip) == family) {
            cut(number(*ip), number(*ip));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}
