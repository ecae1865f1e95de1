//! The tiers, one after the other, for one flow at a time: the slow way, and the exact one.
//!
//! ```text
//! Admin ─pass▶ NetworkPolicy ─nobody isolates▶ Baseline ─pass▶ allowed
//!   └accept, deny      └allowed, or denied        └accept, deny
//! ```
//!
//! Where the manifests leave a fact open (an address, a node's labels, what a name stands for), the
//! tiers are asked once in each world, so that two rules that hang on one fact never disagree.

use std::collections::btree_map::{BTreeMap, Entry};

use super::facts::Facts;
use super::plan::names;
use super::{FAMILIES, PortName};
use crate::cluster::{Address, Cluster, Endpoint, address, last_address, number};
use crate::manifest::document::Labels;
use crate::netset::{Direction, Family, IntervalSet, PortSet, Protocol, Traffic};
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

/// What each rule of a policy matches.
type Matched<'t> = Vec<(Action, &'t Traffic)>;

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
        mut each: impl FnMut(World, &Outcome),
    ) -> Told {
        // Many worlds come to the same: those in which the rules match the same.
        let mut known: BTreeMap<Vec<Traffic>, Outcome> = BTreeMap::new();
        self.each_match(other, family, reading, |world, policies, matched| {
            let all =
                policies.iter().flat_map(|own| self.rules(own).map(|rule| matched(own, rule)));
            let outcome = match known.entry(all.collect()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let outcome = self.in_world(policies, reading, new.key());
                    new.insert(outcome)
                }
            };
            each(world, outcome);
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
        let speaks = |policy: &Policy, rule: &Match, world: World| match &rule.peers {
            Peers::Anyone => true,
            Peers::Some(peers) => peers.iter().any(|peer| match peer {
                Peer::Pods(pods) => other.endpoint.is_some_and(|endpoint| {
                    !as_node_to(policy.tier, endpoint) && self.selects(pods, endpoint)
                }),
                Peer::Addresses(block) => {
                    let is_covered =
                        covers || other.is_outside || policy.tier != Tier::NetworkPolicy;
                    let at = facts.addresses.get(usize::from(world.address)).copied().flatten();
                    is_covered && at.is_some_and(|at| block.contains(address(family, at)))
                }
                Peer::Nodes(selector) => is_node && facts.node_matches(selector, world.node),
                Peer::DomainNames(names) => {
                    names.iter().any(|name| facts.stands_for(name, world.domain_names))
                }
            }),
        };
        let traffic = |policy: &Policy, rule: &Match, world: World| {
            let destination = names_end.filter(|end| !as_node_to(policy.tier, end));
            self.traffic(rule, destination, &facts, reading.names, world.port_names)
        };
        let indices = |count: usize| 0..u16::try_from(count).unwrap_or(u16::MAX);
        for address in indices(facts.addresses.len()) {
            for node in indices(facts.nodes.len()) {
                for domain_names in indices(facts.domains.len()) {
                    for port_names in indices(facts.ports.len()) {
                        let world = World { address, node, domain_names, port_names };
                        each(world, &policies, &|policy, rule| {
                            if speaks(policy, rule, world) {
                                traffic(policy, rule, world)
                            } else {
                                Traffic::empty()
                            }
                        });
                    }
                }
            }
        }
        Told::Worlds
    }

    fn rules(&self, policy: &'a Policy) -> impl Iterator<Item = &'a Match> + use<'a> {
        policy.matches(self.direction).unwrap_or_default().iter()
    }

    /// What the tiers come to, of what each rule matches, policy by policy.
    fn in_world(
        &self,
        policies: &[&'a Policy],
        reading: RowReading,
        traffics: &[Traffic],
    ) -> Outcome {
        let mut traffics = traffics.iter();
        let policies: Vec<(Tier, Rank, Matched<'_>)> = policies
            .iter()
            .map(|own| {
                let rules = self.rules(own).map(|rule| rule.action);
                (own.tier, own.rank, rules.zip(traffics.by_ref()).collect())
            })
            .collect();
        let tier = |tier: Tier| policies.iter().filter(move |(own, ..)| *own == tier);
        let decided =
            |of: Tier| decide(tier(of).map(|(_, rank, rules)| (*rank, rules.iter().copied())));
        let flows = match self.exempt {
            true => Traffic::all(),
            false => tier(Tier::NetworkPolicy)
                .flat_map(|(_, _, rules)| rules)
                .fold(Traffic::empty(), |all, (_, traffic)| all.union(traffic)),
        };
        let isolation = if tier(Tier::NetworkPolicy).next().is_some() {
            Isolation::Isolated { certain: &flows, possible: &flows }
        } else if self.selected_elsewhere && reading.baseline == BaselineReach::Pod {
            Isolation::Final
        } else {
            Isolation::Open
        };
        combine(&decided(Tier::Admin), isolation, &decided(Tier::Baseline))
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

    pub(super) fn meant(&self, protocol: Protocol, name: &str, joint: u16) -> Meant {
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
