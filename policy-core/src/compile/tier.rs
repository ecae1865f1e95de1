//! The tiers, one after the other, for one flow at a time: the slow way, and the exact one.
//!
//! ```text
//! Admin ─pass▶ NetworkPolicy ─nobody isolates▶ Baseline ─pass▶ allowed
//!   └accept, deny      └allowed, or denied        └accept, deny
//! ```
//!
//! Where the manifests leave a fact open (an address, a node's labels, what a name stands for), the
//! tiers are asked once in each world, so that two rules that hang on one fact never disagree.

use std::collections::BTreeSet;

use super::plan::names;
use super::{FAMILIES, PortName};
use crate::cluster::{
    Address, Cluster, Condition, Endpoint, Selector, address, last_address, number,
};
use crate::limits;
use crate::manifest::document::Labels;
use crate::netset::{AddressSet, Direction, Family, IntervalSet, PortSet, Protocol, Traffic};
use crate::profile::{BaselineReach, BlockCovers, HostNetwork, Profile};
use crate::rulebook::{
    Action, Match, Namespaces, Peer, Peers, PodMatch, Policy, Port, Ports, Rank, Tier,
};

/// What a tier may do with traffic: each port is in at least one of the three, in several where
/// policies are alternatives (C28).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decision {
    pub(crate) accept: Traffic,
    pub(crate) deny: Traffic,
    pub(crate) pass: Traffic,
}

impl Decision {
    fn nothing() -> Decision {
        Decision { accept: Traffic::empty(), deny: Traffic::empty(), pass: Traffic::empty() }
    }

    fn add(&mut self, action: Action, traffic: &Traffic) {
        let own = match action {
            Action::Accept => &mut self.accept,
            Action::Deny => &mut self.deny,
            Action::Pass => &mut self.pass,
        };
        *own = own.union(traffic);
    }
}

/// What a tier does, of what each rule of its policies matches: policies by rank, rules in order.
pub(crate) fn decide<'r, R>(policies: impl IntoIterator<Item = (Rank, R)>) -> Decision
where
    R: IntoIterator<Item = (Action, &'r Traffic)>,
{
    decide_telling(policies, |_, _, _| {})
}

/// The same, and tells what each rule decides: the place of its policy, its own, the traffic.
pub(crate) fn decide_telling<'r, R>(
    policies: impl IntoIterator<Item = (Rank, R)>,
    mut tell: impl FnMut(usize, usize, &Traffic),
) -> Decision
where
    R: IntoIterator<Item = (Action, &'r Traffic)>,
{
    let all = Traffic::all();
    let mut whole = Decision::nothing();
    let mut matched = Traffic::empty();
    // What no policy of the version decided yet, and of those before the rank that is looked at.
    let (mut left, mut left_before) = (all.clone(), all.clone());
    let mut rank: Option<Rank> = None;
    for (policy, (own, rules)) in policies.into_iter().enumerate() {
        match rank {
            Some(before) if before.version == own.version => {
                if before != own {
                    left_before = left.clone();
                }
            }
            _ => {
                matched = matched.union(&all.difference(&left));
                (left, left_before) = (all.clone(), all.clone());
            }
        }
        rank = Some(own);
        let mut open = left_before.clone();
        for (rule, (action, traffic)) in rules.into_iter().enumerate() {
            let here = open.intersection(traffic);
            if !here.is_empty() {
                tell(policy, rule, &here);
                whole.add(action, &here);
                open = open.difference(&here);
            }
        }
        left = left.intersection(&open);
    }
    matched = matched.union(&all.difference(&left));
    whole.pass = whole.pass.union(&all.difference(&matched));
    whole
}

/// What an end does with traffic: it may let it through, and it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) allow: Traffic,
    pub(crate) deny: Traffic,
}

/// What the NetworkPolicies of an end do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Isolation<'t> {
    /// They isolate it: this flows, and may.
    Isolated { certain: &'t Traffic, possible: &'t Traffic },
    /// They do not isolate it for the direction.
    Open,
    /// They do not, and Baseline is not asked either (C16).
    Final,
}

/// What the three tiers come to.
pub(crate) fn combine(admin: &Decision, isolation: Isolation<'_>, baseline: &Decision) -> Outcome {
    let (may, may_not) = match isolation {
        Isolation::Isolated { certain, possible } => {
            (possible.clone(), Traffic::all().difference(certain))
        }
        Isolation::Open => (baseline.accept.union(&baseline.pass), baseline.deny.clone()),
        Isolation::Final => (Traffic::all(), Traffic::empty()),
    };
    Outcome {
        allow: admin.accept.union(&admin.pass.intersection(&may)),
        deny: admin.deny.union(&admin.pass.intersection(&may_not)),
    }
}

/// A joint reading of the clauses and facts that the rows keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowReading {
    pub(crate) host_network: HostNetwork,
    pub(crate) baseline: BaselineReach,
    /// Of the names of ports that both ends of a flow may hang on, those that mean the port that is
    /// asked about, wherever they have two numbers: a bit each, in the order of their list.
    pub(crate) names: u16,
}

/// What a name of a port means where it has several numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Each of them, when that port is asked about.
    All,
    /// None of them.
    None,
    /// Either, and nothing else hangs on it.
    Either,
}

/// What a name means under a joint reading.
pub(crate) fn meant(joint: &[PortName], names: u16, name: PortName) -> Meant {
    match joint.iter().position(|own| *own == name) {
        Some(bit) if names >> bit & 1 == 1 => Meant::All,
        Some(_) => Meant::None,
        None => Meant::Either,
    }
}

/// What is known of the other end.
#[derive(Clone, Debug)]
pub(crate) struct Other<'a> {
    /// The pod or workload, if it is one.
    pub(crate) endpoint: Option<&'a Endpoint>,
    /// Its addresses, IPv4 first.
    pub(crate) addresses: [Known; 2],
    /// The node that it is, or on whose network it is.
    pub(crate) node: NodeFact<'a>,
    /// Whether it is outside, where names may stand for it.
    pub(crate) is_outside: bool,
}

/// What is known of an address of a family.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// There is none.
    Absent,
    /// This one.
    At(u128),
    /// One of these; the flag is false where there may be none.
    Within(IntervalSet<u128>, bool),
}

/// What is known of a node.
#[derive(Clone, Debug)]
pub(crate) enum NodeFact<'a> {
    /// It is none.
    None,
    /// One of these labels.
    Labels(&'a Labels),
    /// One that was not read, or, if so flagged, none at all.
    Unknown { may_be_none: bool },
}

impl<'a> Other<'a> {
    /// A pod or workload.
    pub(crate) fn endpoint(cluster: &'a Cluster, endpoint: &'a Endpoint) -> Other<'a> {
        let addresses = FAMILIES.map(|family| match endpoint.address(family) {
            Address::Absent => Known::Absent,
            Address::Known(ip) => Known::At(number(ip)),
            Address::Unknown if endpoint.host_network => {
                Known::Within(IntervalSet::range(0, last_address(family)), false)
            }
            Address::Unknown => {
                let (ranges, is_certain) = cluster.pod_ranges().of_family(family);
                Known::Within(ranges, is_certain)
            }
        });
        let node = match (endpoint.host_network, endpoint.node) {
            (false, _) => NodeFact::None,
            (true, node) => {
                let name = node.map(|node| cluster.symbols().text(node));
                match name.and_then(|name| cluster.node(name)) {
                    Some(node) => NodeFact::Labels(&node.labels),
                    None => NodeFact::Unknown { may_be_none: false },
                }
            }
        };
        Other { endpoint: Some(endpoint), addresses, node, is_outside: false }
    }

    /// A node that was read, seen at these addresses.
    pub(crate) fn node(labels: &'a Labels, addresses: [Option<u128>; 2]) -> Other<'a> {
        let addresses = match addresses {
            [None, None] => FAMILIES
                .map(|family| Known::Within(IntervalSet::range(0, last_address(family)), false)),
            known => known.map(|at| at.map_or(Known::Absent, Known::At)),
        };
        Other { endpoint: None, addresses, node: NodeFact::Labels(labels), is_outside: false }
    }

    /// An address that is no pod's: a node's where one has it, else outside.
    pub(crate) fn outside(cluster: &'a Cluster, family: Family, at: u128) -> Other<'a> {
        let name = cluster.nodes_at(address(family, at)).next();
        let node = name.and_then(|name| cluster.node(name));
        let mut addresses = [Known::Absent, Known::Absent];
        let [v4, v6] = &mut addresses;
        match family {
            Family::V4 => *v4 = Known::At(at),
            Family::V6 => *v6 = Known::At(at),
        }
        Other {
            endpoint: None,
            addresses,
            node: match node {
                Some(node) => NodeFact::Labels(&node.labels),
                None if cluster.has_node() => NodeFact::None,
                None => NodeFact::Unknown { may_be_none: true },
            },
            is_outside: node.is_none(),
        }
    }
}

/// One end, and the policies that speak of it, for one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) profile: Profile,
    pub(crate) direction: Direction,
    /// Whom the policies select.
    pub(crate) subject: &'a Endpoint,
    /// Every policy that speaks of it for the direction, by tier and rank.
    pub(crate) policies: &'a [&'a Policy],
    /// Whether a NetworkPolicy selects it for the other direction only (C16).
    pub(crate) selected_elsewhere: bool,
    /// Whether the flow is exempt from NetworkPolicies (C14, C15).
    pub(crate) exempt: bool,
    /// The names of ports that a reading settles; any other with two numbers is a fact of this end.
    pub(crate) joint: &'a [PortName],
}

/// One way in which the open facts may be: an index for each, by what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct World {
    /// The address of the other end (C26).
    pub(crate) address: u16,
    /// The labels of its node (C29).
    pub(crate) node: u16,
    /// The domain names that stand for it (C29).
    pub(crate) domain_names: u16,
    /// What names of ports mean that no reading settles (C11).
    pub(crate) port_names: u16,
}

/// The open facts of an end and its other end, in a family.
struct Facts<'a> {
    addresses: Vec<Option<u128>>,
    node_selectors: Vec<&'a Selector>,
    nodes: Vec<Vec<bool>>,
    domain_names: Vec<&'a str>,
    domains: Vec<Vec<bool>>,
    port_names: Vec<(Protocol, &'a str)>,
    ports: Vec<Vec<bool>>,
}

impl<'a> End<'a> {
    /// What the end lets through with another in a family, for certain and possibly.
    pub(crate) fn bounds(
        &self,
        other: &Other<'a>,
        family: Family,
        reading: RowReading,
    ) -> (Traffic, Traffic) {
        let (mut certain, mut possible) = (Traffic::all(), Traffic::empty());
        let told = self.each_world(other, family, reading, |_, outcome| {
            certain = certain.difference(&outcome.deny);
            possible = possible.union(&outcome.allow);
        });
        match told {
            Told::NoFamily => (Traffic::empty(), Traffic::empty()),
            Told::Worlds => (certain, possible),
            // Too many worlds: nothing is sure.
            Told::TooMany => (Traffic::empty(), Traffic::all()),
        }
    }

    /// Hands on what comes out in each world.
    pub(crate) fn each_world(
        &self,
        other: &Other<'a>,
        family: Family,
        reading: RowReading,
        mut each: impl FnMut(World, Outcome),
    ) -> Told {
        self.each_match(other, family, reading, |world, policies, matched| {
            each(world, self.in_world(policies, reading, matched));
        })
    }

    /// Hands on the policies that count, and what their rules match, in each world.
    pub(crate) fn each_match(
        &self,
        other: &Other<'a>,
        family: Family,
        reading: RowReading,
        mut each: impl FnMut(World, &[&'a Policy], &dyn Fn(&Policy, &Match) -> Traffic),
    ) -> Told {
        let [v4, v6] = &other.addresses;
        let known = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        if matches!(known, Known::Absent) {
            return Told::NoFamily;
        }
        let is_node = other.endpoint.is_none_or(|one| one.host_network);
        let names_end = match self.direction {
            Direction::Ingress => Some(self.subject),
            Direction::Egress => other.endpoint,
        };
        // To NetworkPolicies a pod on the host's network may be its node, to others it always is.
        let as_node_to = |tier: Tier, endpoint: &Endpoint| {
            endpoint.host_network
                && (tier != Tier::NetworkPolicy || reading.host_network == HostNetwork::Node)
        };
        let is_subject = |tier: Tier| !as_node_to(tier, self.subject);
        let policies: Vec<&'a Policy> =
            self.policies.iter().copied().filter(|policy| is_subject(policy.tier)).collect();
        let Some(facts) = self.facts(other, known, family, names_end) else {
            return Told::TooMany;
        };
        let covers = self.profile.block_covers() == BlockCovers::EveryAddress;
        let indices = |count: usize| 0..u16::try_from(count).unwrap_or(u16::MAX);
        for address in indices(facts.addresses.len()) {
            let at = facts.addresses.get(usize::from(address)).copied().flatten();
            for node in indices(facts.nodes.len()) {
                for domain_names in indices(facts.domains.len()) {
                    for port_names in indices(facts.ports.len()) {
                        let world = World { address, node, domain_names, port_names };
                        let matched = |policy: &Policy, rule: &Match| -> Traffic {
                            let speaks = match &rule.peers {
                                Peers::Anyone => true,
                                Peers::Some(peers) => peers.iter().any(|peer| match peer {
                                    Peer::Pods(pods) => other.endpoint.is_some_and(|endpoint| {
                                        !as_node_to(policy.tier, endpoint)
                                            && self.selects(pods, endpoint)
                                    }),
                                    Peer::Addresses(block) => {
                                        let covered = covers
                                            || other.is_outside
                                            || policy.tier != Tier::NetworkPolicy;
                                        covered
                                            && at.is_some_and(|at| {
                                                block.contains(crate::cluster::address(family, at))
                                            })
                                    }
                                    Peer::Nodes(selector) => {
                                        is_node && facts.node_matches(selector, node)
                                    }
                                    Peer::DomainNames(names) => names
                                        .iter()
                                        .any(|name| facts.stands_for(name, domain_names)),
                                }),
                            };
                            if !speaks {
                                return Traffic::empty();
                            }
                            let destination = names_end.filter(|end| !as_node_to(policy.tier, end));
                            self.traffic(rule, destination, &facts, reading.names, port_names)
                        };
                        each(world, &policies, &matched);
                    }
                }
            }
        }
        Told::Worlds
    }

    fn in_world(
        &self,
        policies: &[&Policy],
        reading: RowReading,
        matched: &dyn Fn(&Policy, &Match) -> Traffic,
    ) -> Outcome {
        let tier = |tier: Tier| {
            let own = policies.iter().filter(move |policy| policy.tier == tier);
            own.map(|policy| {
                let rules = policy.matches(self.direction).unwrap_or_default().iter();
                let rules = rules.map(|rule| (rule.action, matched(policy, rule)));
                (policy.rank, rules.collect::<Vec<(Action, Traffic)>>())
            })
            .collect::<Vec<(Rank, Vec<(Action, Traffic)>)>>()
        };
        let of = |rules: &[(Rank, Vec<(Action, Traffic)>)]| {
            decide(rules.iter().map(|(rank, rules)| {
                (*rank, rules.iter().map(|(action, traffic)| (*action, traffic)))
            }))
        };
        let (admin, own, baseline) =
            (tier(Tier::Admin), tier(Tier::NetworkPolicy), tier(Tier::Baseline));
        let flows = match self.exempt {
            true => Traffic::all(),
            false => own
                .iter()
                .flat_map(|(_, rules)| rules)
                .fold(Traffic::empty(), |all, (_, traffic)| all.union(traffic)),
        };
        let isolation = if !own.is_empty() {
            Isolation::Isolated { certain: &flows, possible: &flows }
        } else if self.selected_elsewhere && reading.baseline == BaselineReach::Pod {
            Isolation::Final
        } else {
            Isolation::Open
        };
        combine(&of(&admin), isolation, &of(&baseline))
    }

    fn selects(&self, pods: &PodMatch, endpoint: &Endpoint) -> bool {
        let Some(namespace) = self.cluster.namespace(endpoint.namespace) else { return false };
        let there = match &pods.namespaces {
            Namespaces::Named(name) => *name == namespace.name,
            Namespaces::Labelled(selector) => selector.matches(|key| namespace.labels.get(key)),
        };
        let symbols = self.cluster.symbols();
        let label = |key: &str| endpoint.label(symbols.get(key)?).map(|value| symbols.text(value));
        there && pods.pods.matches(label)
    }

    fn traffic(
        &self,
        rule: &Match,
        destination: Option<&Endpoint>,
        facts: &Facts<'_>,
        joint: u16,
        world: u16,
    ) -> Traffic {
        let Ports::Some(ports) = &rule.ports else { return Traffic::all() };
        let named = |protocol: Protocol, name: &str| {
            let numbers = self.numbers(destination, protocol, name);
            let holds = match (numbers.as_slice(), self.meant(protocol, name, joint)) {
                ([_], _) | (_, Meant::All) => true,
                (_, Meant::None) => false,
                (_, Meant::Either) => facts.port_name_holds(protocol, name, world),
            };
            let numbers = numbers.iter().filter(|_| holds);
            numbers.fold(PortSet::empty(), |all, number| all.union(&PortSet::single(*number)))
        };
        ports.iter().fold(Traffic::empty(), |all, port| {
            let own = match port {
                Port::Range(protocol, first, last) => {
                    Traffic::of(*protocol, PortSet::range(*first, *last))
                }
                Port::Named(protocol, name) => Traffic::of(*protocol, named(*protocol, name)),
                Port::AnyNamed(name) => {
                    Protocol::ALL.into_iter().fold(Traffic::empty(), |all, protocol| {
                        all.union(&Traffic::of(protocol, named(protocol, name)))
                    })
                }
                Port::Nothing => Traffic::empty(),
            };
            all.union(&own)
        })
    }

    fn meant(&self, protocol: Protocol, name: &str, joint: u16) -> Meant {
        let name = self.cluster.symbols().get(name);
        name.map_or(Meant::Either, |name| meant(self.joint, joint, PortName { name, protocol }))
    }

    /// The names of ports of this end's rules that have several numbers at an endpoint, sorted.
    pub(crate) fn names_with_several_numbers(
        &self,
        destination: Option<&Endpoint>,
    ) -> Vec<(Protocol, &'a str)> {
        let rules = self.policies.iter().filter_map(|one| one.matches(self.direction)).flatten();
        let mut names: Vec<(Protocol, &str)> = rules
            .filter_map(|rule| match &rule.ports {
                Ports::Every => None,
                Ports::Some(ports) => Some(ports),
            })
            .flatten()
            .flat_map(names)
            .filter(|(protocol, name)| self.numbers(destination, *protocol, name).len() > 1)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn numbers(&self, destination: Option<&Endpoint>, protocol: Protocol, name: &str) -> Vec<u16> {
        let name = self.cluster.symbols().get(name);
        let ports = destination.map_or(&[][..], |destination| &destination.ports);
        let own = ports.iter().filter(|own| Some(own.name) == name && own.protocol == protocol);
        own.map(|own| own.port).collect()
    }

    /// The facts that are open, whatever the reading; none if there are too many worlds.
    fn facts(
        &self,
        other: &Other<'a>,
        known: &Known,
        family: Family,
        names_end: Option<&Endpoint>,
    ) -> Option<Facts<'a>> {
        let rules = self.policies.iter().filter_map(|one| one.matches(self.direction)).flatten();
        let peers = || {
            rules.clone().flat_map(|rule| match &rule.peers {
                Peers::Anyone => &[][..],
                Peers::Some(peers) => peers,
            })
        };
        let addresses = match known {
            Known::Absent => Vec::new(),
            Known::At(at) => vec![Some(*at)],
            Known::Within(ranges, is_certain) => {
                let blocks = peers().filter_map(|peer| match peer {
                    Peer::Addresses(block) => Some(block),
                    _ => None,
                });
                let mut found = representatives(ranges, blocks, family)?;
                if !*is_certain || found.is_empty() {
                    found.push(None);
                }
                found
            }
        };
        let mut node_selectors: Vec<&Selector> = peers()
            .filter_map(|peer| match peer {
                Peer::Nodes(selector) => Some(selector),
                _ => None,
            })
            .collect();
        node_selectors.sort_unstable();
        node_selectors.dedup();
        let nodes = match (&other.node, node_selectors.as_slice()) {
            (_, []) | (NodeFact::None, _) => vec![vec![false; node_selectors.len()]],
            (NodeFact::Labels(labels), selectors) => {
                let matches = selectors.iter().map(|one| one.matches(|key| labels.get(key)));
                vec![matches.collect()]
            }
            (NodeFact::Unknown { may_be_none }, selectors) => {
                let mut found = label_sets(selectors)?;
                if *may_be_none {
                    found.insert(vec![false; selectors.len()]);
                }
                found.into_iter().collect()
            }
        };
        let mut domain_names: Vec<&str> = peers()
            .filter_map(|peer| match peer {
                Peer::DomainNames(names) => Some(names),
                _ => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        domain_names.sort_unstable();
        domain_names.dedup();
        let domains = if other.is_outside {
            name_sets(&domain_names)?
        } else {
            vec![vec![false; domain_names.len()]]
        };
        let mut port_names = self.names_with_several_numbers(names_end);
        port_names.retain(|(protocol, name)| self.meant(*protocol, name, 0) == Meant::Either);
        let ports = every(port_names.len())?;
        let worlds = [addresses.len(), nodes.len(), domains.len(), ports.len()];
        let count = worlds.iter().try_fold(1_usize, |all, one| all.checked_mul(*one))?;
        (count <= limits::WORLDS).then_some(Facts {
            addresses,
            node_selectors,
            nodes,
            domain_names,
            domains,
            port_names,
            ports,
        })
    }
}

/// What became of a question about worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The other end has no address of the family.
    NoFamily,
    /// Every world was handed on.
    Worlds,
    /// There are too many.
    TooMany,
}

impl Facts<'_> {
    fn node_matches(&self, selector: &Selector, world: u16) -> bool {
        let at = self.node_selectors.iter().position(|own| *own == selector);
        let set = self.nodes.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }

    fn stands_for(&self, name: &str, world: u16) -> bool {
        let at = self.domain_names.iter().position(|own| *own == name);
        let set = self.domains.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }

    fn port_name_holds(&self, protocol: Protocol, name: &str, world: u16) -> bool {
        let at = self.port_names.iter().position(|own| *own == (protocol, name));
        let set = self.ports.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }
}

/// An address for each way in which blocks may cover one of some ranges.
fn representatives<'a>(
    ranges: &IntervalSet<u128>,
    blocks: impl Iterator<Item = &'a AddressSet>,
    family: Family,
) -> Option<Vec<Option<u128>>> {
    let mut parts = vec![ranges.clone()];
    for block in blocks {
        let own = block.ranges().filter(|(first, _)| Family::of(*first) == family);
        let own = IntervalSet::from_ranges(own.map(|(first, last)| (number(first), number(last))));
        let halves = parts.iter().flat_map(|part| [part.intersection(&own), part.difference(&own)]);
        parts = halves.filter(|part| !part.is_empty()).collect();
        if parts.len() > limits::WORLDS {
            return None;
        }
    }
    let first = parts.iter().filter_map(|part| part.ranges().first());
    Some(first.map(|(first, _)| Some(*first)).collect())
}

/// Which of some selectors may match the labels of one node at the same time.
fn label_sets(selectors: &[&Selector]) -> Option<BTreeSet<Vec<bool>>> {
    let mut values: std::collections::BTreeMap<&str, BTreeSet<Option<String>>> =
        std::collections::BTreeMap::new();
    for requirement in selectors.iter().flat_map(|selector| selector.requirements()) {
        let own = values.entry(&requirement.key).or_default();
        own.insert(None);
        let named = match &requirement.condition {
            Condition::In(named) | Condition::NotIn(named) => &named[..],
            Condition::Exists | Condition::DoesNotExist => &[],
        };
        // One that no rule names: longer than all that are named.
        let longest = named.iter().map(String::len).max().unwrap_or(0);
        own.extend(named.iter().cloned().map(Some));
        own.insert(Some("x".repeat(longest + 1)));
    }
    let mut sets: Vec<std::collections::BTreeMap<&str, &str>> = vec![Default::default()];
    for (key, values) in &values {
        let mut more = Vec::new();
        for set in &sets {
            for value in values {
                let mut set = set.clone();
                if let Some(value) = value {
                    set.insert(*key, value);
                }
                more.push(set);
            }
        }
        if more.len() > limits::NODE_LABEL_SETS {
            return None;
        }
        sets = more;
    }
    let matches = |set: &std::collections::BTreeMap<&str, &str>| {
        let one = |selector: &&Selector| selector.matches(|key| set.get(key).copied());
        selectors.iter().map(one).collect()
    };
    Some(sets.iter().map(matches).collect())
}

/// Which of some domain names may stand for one address at the same time: any, but where a name
/// does, so does a pattern that matches it.
fn name_sets(names: &[&str]) -> Option<Vec<Vec<bool>>> {
    let is_closed = |set: &Vec<bool>| {
        names.iter().zip(set).all(|(pattern, holds)| {
            let Some(parent) = pattern.strip_prefix('*').filter(|_| !holds) else { return true };
            let mut others = names.iter().zip(set).filter(|(_, holds)| **holds);
            !others.any(|(name, _)| name != pattern && name.ends_with(parent))
        })
    };
    Some(every(names.len())?.into_iter().filter(is_closed).collect())
}

/// Every way in which so many things may hold or not; none if there are too many.
fn every(count: usize) -> Option<Vec<Vec<bool>>> {
    if count > 10 {
        return None;
    }
    let mut sets = vec![Vec::new()];
    for _ in 0..count {
        sets = sets
            .into_iter()
            .flat_map(|set: Vec<bool>| {
                [false, true].map(|holds| set.iter().copied().chain([holds]).collect())
            })
            .collect();
    }
    Some(sets)
}
