//! Why: the rules run again for one flow, with their places.

use super::clauses::{of_family, possible};
use super::flow::Verdict;
use super::joint::{Joint, Side};
use super::tiers::{self, Step, TierWhy};
use crate::clause::Clause;
use crate::cluster::{Address, Endpoint, Requirement, Selector, address, number};
use crate::compile::{Cell, CompiledPolicy, FAMILIES};
use crate::manifest::FieldPath;
use crate::manifest::document::{Kind, ObjectKey, Place};
use crate::netset::{AddressSet, Direction, Family, PortSet, Protocol, Traffic};
use crate::profile::{BlockCovers, HostNetwork};
use crate::rulebook::{
    Action, Match, Namespaces, Peer, Peers, PodMatch, Policy, Port, Ports, Tier,
};

/// Why a flow has its verdict: both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// At the source.
    pub egress: EndWhy,
    /// At the destination.
    pub ingress: EndWhy,
}

/// Why an end lets a flow through or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndWhy {
    /// What the end says, whatever the other says.
    pub verdict: Verdict,
    /// What that comes from.
    pub reason: EndReason,
    /// What each tier does, in order, where administrators' policies select the end.
    pub tiers: Vec<TierWhy>,
    /// The policies that select the end, with their rules, by tier and rank; empty where they have
    /// no say.
    pub policies: Vec<PolicyWhy>,
}

/// What an end's verdict comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// No policy speaks of nodes and addresses: only of pods.
    NotAPod,
    /// No policy isolates the pod for the direction.
    NotIsolated,
    /// Policies isolate it: what a rule of theirs admits flows.
    Isolated,
    /// Administrators' policies select it: the tiers tell.
    Tiers,
    /// A clause lets the flow pass, whatever the policies say.
    Exempt(Clause),
    /// The two ends have no family of addresses in common (C21).
    NoCommonFamily,
}

/// A policy that selects an end, and what each of its rules says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWhy {
    /// The policy.
    pub policy: ObjectKey,
    /// Its tier.
    pub tier: Tier,
    /// Its priority in the tier; of NetworkPolicies none.
    pub priority: Option<u16>,
    /// Where it stands.
    pub place: Place,
    /// Its rules of the direction, in order.
    pub rules: Vec<RuleWhy>,
}

/// What a rule says of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWhy {
    /// The rule: `spec.ingress[0]`.
    pub path: FieldPath,
    /// Its name; empty if it has none.
    pub name: String,
    /// What it does with what it matches.
    pub action: Action,
    /// Whether it could not be read or evaluated, and fails closed.
    pub fails_closed: bool,
    /// Whether the question gets to it: no rule before it decides on all that was asked.
    pub is_reached: bool,
    /// Whether it matches the flow: all that was asked for `Yes`, none of it for `No`.
    pub matched: Matched,
    /// Its peers, in order; none means everyone.
    pub peers: Vec<PeerWhy>,
    /// Its ports, in order; none means every port.
    pub ports: Vec<PortWhy>,
}

/// Whether something matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does in some readings, or for some of what was asked.
    Partly,
}

/// What a peer of a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerWhy {
    /// The peer: `spec.ingress[0].from[1]`.
    pub path: FieldPath,
    /// Whether it matches the other end.
    pub matched: Matched,
    /// Why, piece by piece.
    pub reasons: Vec<PeerReason>,
}

/// A piece of a peer, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerReason {
    /// A `namespaceSelector` against the other end's namespace.
    NamespaceSelector {
        /// How the field is called: `namespaceSelector`, or `namespaces` of an administrator.
        field: &'static str,
        /// The selector.
        selector: Selector,
        /// The namespace.
        namespace: String,
        /// The first requirement that does not hold, with the value that is there.
        missed: Option<(Requirement, Option<String>)>,
    },
    /// No `namespaceSelector`: the policy's own namespace against the other end's.
    OwnNamespace {
        /// The policy's.
        own: String,
        /// The other end's.
        other: String,
    },
    /// A `podSelector` against the other end.
    PodSelector {
        /// The selector.
        selector: Selector,
        /// The other end.
        endpoint: String,
        /// The first requirement that does not hold, with the value that is there.
        missed: Option<(Requirement, Option<String>)>,
    },
    /// An `ipBlock`, or `networks` of an administrator, against an address.
    IpBlock {
        /// How the field is called.
        field: &'static str,
        /// The ranges that it covers.
        addresses: AddressSet,
        /// The address, if it is known.
        address: Option<std::net::IpAddr>,
    },
    /// An `ipBlock` covers no address inside the cluster (C8).
    BlocksOutsideOnly,
    /// A selector does not match what is no pod.
    NoPod,
    /// Whether a selector matches a pod on the host's network is open (C13).
    HostNetwork,
    /// Administrators' selectors match no pod on the host's network: it is its node.
    HostIsNode,
    /// `nodes` against the other end.
    Nodes {
        /// The selector.
        selector: Selector,
        /// Whether the other end is such a node, where that is known.
        matches: Option<bool>,
    },
    /// `domainNames` against the other end: what they stand for is in no manifest (C29).
    DomainNames {
        /// The names.
        names: Vec<String>,
        /// Whether the other end is outside, where they may stand for it.
        is_outside: bool,
    },
}

/// What a port of a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortWhy {
    /// The port: `spec.ingress[0].ports[0]`.
    pub path: FieldPath,
    /// Whether it covers what was asked.
    pub matched: Matched,
    /// The port as it stands in the rule.
    pub port: Port,
    /// What it means at the destination.
    pub means: Traffic,
}

/// Why the flows between two members have their verdict.
pub(crate) fn explain(
    policy: &CompiledPolicy,
    from: &Side<'_>,
    to: &Side<'_>,
    joint: &Joint,
    asked: &Traffic,
) -> Why {
    Why {
        egress: explain_end(policy, Direction::Egress, from, to, joint, asked),
        ingress: explain_end(policy, Direction::Ingress, to, from, joint, asked),
    }
}

fn explain_end(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
    peer: &Side<'_>,
    joint: &Joint,
    asked: &Traffic,
) -> EndWhy {
    let of = |id| joint.traffic(policy, id);
    let cell = Cell::over(joint.readings.iter().map(|reading| {
        let families = reading.families.iter().flatten();
        families.fold((Traffic::empty(), Traffic::empty()), |all, (out, into)| {
            let pair = match direction {
                Direction::Egress => out,
                Direction::Ingress => into,
            };
            (all.0.union(of(pair.certain)), all.1.union(of(pair.possible)))
        })
    }));
    let verdict = Verdict::of(&cell.intersection(asked), asked);
    let Side::Endpoint(id, endpoint) = subject else {
        return EndWhy {
            verdict: Verdict::Allow,
            reason: EndReason::NotAPod,
            tiers: Vec::new(),
            policies: Vec::new(),
        };
    };
    let class = policy.class_of(*id);
    let isolating = class.map_or(&[][..], |class| policy.isolating(direction, class));
    let governing = class.map_or_else(Vec::new, |class| policy.governing(direction, class));
    let always_node = policy.options().profile.host_network() == [HostNetwork::Node];
    let no_family = joint.readings.iter().all(|one| one.families == [None, None]);
    let reason = match joint.settled {
        Some(Clause::ITSELF) => EndReason::Exempt(Clause::ITSELF),
        Some(Clause::OWN_NODE) if direction == Direction::Ingress && governing.is_empty() => {
            EndReason::Exempt(Clause::OWN_NODE)
        }
        _ if no_family => EndReason::NoCommonFamily,
        _ if endpoint.host_network && always_node => EndReason::Exempt(Clause::HOST_NETWORK),
        _ if !governing.is_empty() => EndReason::Tiers,
        _ if isolating.is_empty() => EndReason::NotIsolated,
        _ => EndReason::Isolated,
    };
    let there = joint.readings.first().map_or([false; 2], |one| one.families.map(|f| f.is_some()));
    let told = matches!(reason, EndReason::Isolated | EndReason::Exempt(_) | EndReason::Tiers);
    let own = isolating.iter().filter_map(|id| policy.rulebook().get(*id));
    let is_before = |one: &&&Policy| one.tier == Tier::Admin;
    let before = governing.iter().filter(is_before).copied();
    let behind = governing.iter().filter(|one| !is_before(one)).copied();
    let policies = before.chain(own).chain(behind).filter(|_| told).filter_map(|own| {
        let rules = own.matches(direction)?.iter().enumerate();
        let rules = rules.map(|(index, rule)| {
            let path = FieldPath::root().key("spec").key(direction.name()).index(index);
            explain_rule(policy, own, direction, rule, path, endpoint, peer, there, asked)
        });
        Some(PolicyWhy {
            policy: own.origin.clone(),
            tier: own.tier,
            priority: (own.tier != Tier::NetworkPolicy).then_some(own.rank.priority),
            place: own.place,
            rules: rules.collect(),
        })
    });
    let mut policies: Vec<PolicyWhy> = policies.collect();
    let tiers = match reason {
        EndReason::Tiers => {
            let is_exempt =
                direction == Direction::Ingress && joint.settled == Some(Clause::OWN_NODE);
            let network = if is_exempt {
                Step::Exempt(Clause::OWN_NODE)
            } else if isolating.is_empty() {
                Step::NotIsolated
            } else {
                Step::Isolated(Matched::No)
            };
            let elsewhere =
                class.is_some_and(|class| policy.is_selected_elsewhere(direction, class));
            let reach = elsewhere.then(|| policy.options().profile.baseline_reach());
            tiers::tiers(&mut policies, &governing, network, reach)
        }
        _ => Vec::new(),
    };
    EndWhy { verdict, reason, tiers, policies }
}

#[allow(clippy::too_many_arguments, reason = "a question has so many sides")]
fn explain_rule(
    policy: &CompiledPolicy,
    own: &Policy,
    direction: Direction,
    rule: &Match,
    path: FieldPath,
    subject: &Endpoint,
    peer: &Side<'_>,
    there: [bool; 2],
    asked: &Traffic,
) -> RuleWhy {
    let ports_field = match own.origin.kind {
        Kind::ClusterNetworkPolicy => "protocols",
        _ => "ports",
    };
    let peers_field = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peers: Vec<PeerWhy> = match &rule.peers {
        Peers::Anyone => Vec::new(),
        Peers::Some(peers) => peers
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let path = path.key(peers_field).index(index);
                explain_peer(policy, own.tier, one, path, peer, there)
            })
            .collect(),
    };
    let destination = match (direction, peer) {
        (Direction::Ingress, _) => Some(subject),
        (Direction::Egress, Side::Endpoint(_, endpoint)) => Some(*endpoint),
        (Direction::Egress, _) => None,
    };
    let ports: Vec<PortWhy> = match &rule.ports {
        Ports::Every => Vec::new(),
        Ports::Some(ports) => ports
            .iter()
            .enumerate()
            .map(|(index, port)| {
                let means = means(policy, port, destination);
                PortWhy {
                    path: path.key(ports_field).index(index),
                    matched: covers(&means, asked),
                    port: port.clone(),
                    means,
                }
            })
            .collect(),
    };
    let any = |all: &mut dyn Iterator<Item = Matched>| {
        let mut some = false;
        for one in all {
            match one {
                Matched::Yes => return Matched::Yes,
                Matched::Partly => some = true,
                Matched::No => {}
            }
        }
        if some { Matched::Partly } else { Matched::No }
    };
    let by_peers = match &rule.peers {
        Peers::Anyone => Matched::Yes,
        Peers::Some(peers) if peers.is_empty() => Matched::No,
        Peers::Some(_) => any(&mut peers.iter().map(|peer| peer.matched)),
    };
    let by_ports = match &rule.ports {
        Ports::Every => Matched::Yes,
        Ports::Some(_) => {
            let all = ports.iter().fold(Traffic::empty(), |all, port| all.union(&port.means));
            covers(&all, asked)
        }
    };
    let matched = match (by_peers, by_ports) {
        (Matched::No, _) | (_, Matched::No) => Matched::No,
        (Matched::Yes, Matched::Yes) => Matched::Yes,
        _ => Matched::Partly,
    };
    let (name, action) = (rule.name.clone(), rule.action);
    RuleWhy {
        path,
        name,
        action,
        fails_closed: rule.fails_closed,
        is_reached: true,
        matched,
        peers,
        ports,
    }
}

fn covers(means: &Traffic, asked: &Traffic) -> Matched {
    if asked.is_subset(means) {
        Matched::Yes
    } else if asked.intersects(means) {
        Matched::Partly
    } else {
        Matched::No
    }
}

/// What a port of a rule means at a destination.
fn means(policy: &CompiledPolicy, port: &Port, destination: Option<&Endpoint>) -> Traffic {
    match port {
        Port::Range(protocol, first, last) => Traffic::of(*protocol, PortSet::range(*first, *last)),
        Port::Named(protocol, name) => named(policy, destination, *protocol, name),
        Port::AnyNamed(name) => {
            Protocol::ALL.into_iter().fold(Traffic::empty(), |all, protocol| {
                all.union(&named(policy, destination, protocol, name))
            })
        }
        Port::Nothing => Traffic::empty(),
    }
}

fn named(
    policy: &CompiledPolicy,
    destination: Option<&Endpoint>,
    protocol: Protocol,
    name: &str,
) -> Traffic {
    let numbers = numbers_of(policy, destination, protocol, name);
    numbers.into_iter().fold(Traffic::empty(), |all, number| {
        all.union(&Traffic::of(protocol, PortSet::single(number)))
    })
}

pub(super) fn numbers_of(
    policy: &CompiledPolicy,
    destination: Option<&Endpoint>,
    protocol: Protocol,
    name: &str,
) -> Vec<u16> {
    let name = policy.cluster().symbols().get(name);
    let ports = destination.map_or(&[][..], |destination| &destination.ports);
    let own = ports.iter().filter(|own| Some(own.name) == name && own.protocol == protocol);
    own.map(|own| own.port).collect()
}

fn explain_peer(
    policy: &CompiledPolicy,
    tier: Tier,
    one: &Peer,
    path: FieldPath,
    peer: &Side<'_>,
    there: [bool; 2],
) -> PeerWhy {
    let (matched, reasons) = match one {
        Peer::Pods(pods) => explain_pods(policy, tier, pods, peer),
        Peer::Addresses(block) => explain_block(policy, tier, block, peer, there),
        Peer::Nodes(selector) => {
            let matches = node_matches(policy, selector, peer);
            let matched = match matches {
                Some(true) => Matched::Yes,
                Some(false) => Matched::No,
                None => Matched::Partly,
            };
            (matched, vec![PeerReason::Nodes { selector: selector.clone(), matches }])
        }
        Peer::DomainNames(names) => {
            let is_outside = match peer {
                Side::Address { family, address: at } => {
                    policy.cluster().nodes_at(address(*family, *at)).next().is_none()
                }
                Side::Endpoint(..) | Side::Node { .. } => false,
            };
            let matched = if is_outside { Matched::Partly } else { Matched::No };
            (matched, vec![PeerReason::DomainNames { names: names.clone(), is_outside }])
        }
    };
    PeerWhy { path, matched, reasons }
}

/// Whether a selector of nodes matches an end; none if its node was not read.
fn node_matches(policy: &CompiledPolicy, selector: &Selector, peer: &Side<'_>) -> Option<bool> {
    let cluster = policy.cluster();
    let of = |name: &str| {
        let node = cluster.node(name)?;
        Some(selector.matches(|key| node.labels.get(key)))
    };
    match peer {
        Side::Endpoint(_, endpoint) if endpoint.host_network => {
            of(cluster.symbols().text(endpoint.node?))
        }
        Side::Endpoint(..) => Some(false),
        Side::Node { name, .. } => of(name),
        Side::Address { family, address: at } => {
            match cluster.nodes_at(address(*family, *at)).next() {
                Some(name) => of(name),
                None => cluster.has_node().then_some(false),
            }
        }
    }
}

fn explain_pods(
    policy: &CompiledPolicy,
    tier: Tier,
    pods: &PodMatch,
    peer: &Side<'_>,
) -> (Matched, Vec<PeerReason>) {
    let Side::Endpoint(id, endpoint) = peer else {
        return (Matched::No, vec![PeerReason::NoPod]);
    };
    let readings = policy.options().profile.host_network();
    if endpoint.host_network && tier != Tier::NetworkPolicy {
        return (Matched::No, vec![PeerReason::HostIsNode]);
    }
    if endpoint.host_network && readings == [HostNetwork::Node] {
        return (Matched::No, vec![PeerReason::NoPod]);
    }
    let cluster = policy.cluster();
    let Some(namespace) = cluster.namespace(endpoint.namespace) else {
        return (Matched::No, Vec::new());
    };
    // Administrators write `namespaces` for all pods there.
    let is_of_namespaces = tier != Tier::NetworkPolicy && pods.pods.requirements().is_empty();
    let mut reasons = Vec::new();
    let in_namespace = match &pods.namespaces {
        Namespaces::Named(name) => {
            reasons.push(PeerReason::OwnNamespace {
                own: name.clone(),
                other: namespace.name.clone(),
            });
            *name == namespace.name
        }
        Namespaces::Labelled(selector) => {
            let missed = missed(selector, |key| namespace.labels.get(key));
            let matches = missed.is_none();
            let field = if is_of_namespaces { "namespaces" } else { "namespaceSelector" };
            reasons.push(PeerReason::NamespaceSelector {
                field,
                selector: selector.clone(),
                namespace: namespace.name.clone(),
                missed,
            });
            matches
        }
    };
    let missed = missed(&pods.pods, |key| label(policy, endpoint, key));
    let is_selected = missed.is_none();
    if !is_of_namespaces {
        reasons.push(PeerReason::PodSelector {
            selector: pods.pods.clone(),
            endpoint: cluster.display(*id),
            missed,
        });
    }
    let matched = match in_namespace && is_selected {
        false => Matched::No,
        true if endpoint.host_network => {
            reasons.push(PeerReason::HostNetwork);
            Matched::Partly
        }
        true => Matched::Yes,
    };
    (matched, reasons)
}

pub(super) fn label<'p>(
    policy: &'p CompiledPolicy,
    endpoint: &Endpoint,
    key: &str,
) -> Option<&'p str> {
    let symbols = policy.cluster().symbols();
    endpoint.label(symbols.get(key)?).map(|value| symbols.text(value))
}

/// The first requirement that does not hold, with the value that is there.
fn missed<'a>(
    selector: &Selector,
    value_of: impl Fn(&str) -> Option<&'a str>,
) -> Option<(Requirement, Option<String>)> {
    selector.requirements().iter().find_map(|requirement| {
        let value = value_of(&requirement.key);
        (!requirement.holds(value)).then(|| (requirement.clone(), value.map(str::to_owned)))
    })
}

fn explain_block(
    policy: &CompiledPolicy,
    tier: Tier,
    block: &AddressSet,
    peer: &Side<'_>,
    there: [bool; 2],
) -> (Matched, Vec<PeerReason>) {
    let covers = policy.options().profile.block_covers() == BlockCovers::EveryAddress;
    if !covers && tier == Tier::NetworkPolicy && !matches!(peer, Side::Address { .. }) {
        return (Matched::No, vec![PeerReason::BlocksOutsideOnly]);
    }
    let mut reasons = Vec::new();
    let mut outcomes = Vec::new();
    // A NetworkPolicy admits by either family; an administrator's rule decides on the flow only if it
    // covers every family that both ends have.
    let is_asked = |family: Family, there: bool| match tier {
        Tier::NetworkPolicy => peer.has(family),
        Tier::Admin | Tier::Baseline => there,
    };
    let families = FAMILIES.into_iter().zip(there);
    for (family, _) in families.filter(|(family, there)| is_asked(*family, *there)) {
        let covered = |hope| in_block(policy, block, peer, family, hope);
        outcomes.push((covered(false), covered(true)));
        let known = known_address(peer, family);
        if known.is_some() || reasons.is_empty() {
            reasons.retain(|one| !matches!(one, PeerReason::IpBlock { address: None, .. }));
            reasons.push(PeerReason::IpBlock {
                field: if tier == Tier::NetworkPolicy { "ipBlock" } else { "networks" },
                addresses: block.clone(),
                address: known.map(|at| address(family, at)),
            });
        }
    }
    let mut sure = outcomes.iter().map(|(worst, _)| *worst);
    let is_sure = match tier {
        Tier::NetworkPolicy => sure.any(|one| one),
        Tier::Admin | Tier::Baseline => !outcomes.is_empty() && sure.all(|one| one),
    };
    let matched = if is_sure {
        Matched::Yes
    } else if outcomes.iter().any(|(_, best)| *best) {
        Matched::Partly
    } else {
        Matched::No
    };
    (matched, reasons)
}

pub(super) fn known_address(peer: &Side<'_>, family: Family) -> Option<u128> {
    match peer {
        Side::Endpoint(_, endpoint) => match endpoint.address(family) {
            Address::Known(ip) => Some(number(ip)),
            Address::Absent | Address::Unknown => None,
        },
        Side::Node { addresses: [v4, v6], .. } => match family {
            Family::V4 => *v4,
            Family::V6 => *v6,
        },
        Side::Address { family: own, address } => (*own == family).then_some(*address),
    }
}

/// Whether a set of addresses covers a peer in a family: `hope` for the best of the addresses
/// that the peer may have, else for the worst.
fn in_block(
    policy: &CompiledPolicy,
    block: &AddressSet,
    peer: &Side<'_>,
    family: Family,
    hope: bool,
) -> bool {
    let set = of_family(block, family);
    if let Some(known) = known_address(peer, family) {
        return set.contains(known);
    }
    let (ranges, is_certain) = possible(policy, peer, family);
    if hope { ranges.intersects(&set) } else { is_certain && ranges.is_subset(&set) }
}
