//! On which clauses a verdict hangs: found by reading it otherwise, one clause at a time.

use super::governed;
use super::joint::{Joint, Side, is_governed, is_node_of};
use super::why::{known_address, label, numbers_of};
use crate::clause::Clause;
use crate::cluster::{address, last_address, number};
use crate::compile::{CompiledPolicy, FAMILIES};
use crate::netset::{AddressSet, Direction, Family, IntervalSet, Protocol};
use crate::profile::{BlockCovers, HostNetwork, OwnNodeEgress};
use crate::rulebook::{Namespaces, Peer, Peers, PodMatch, Port, Ports};

/// The clauses on which the verdict of a port hangs: those of which another reading, all else
/// left as it is, gives another verdict.
pub(super) fn clauses_at(
    policy: &CompiledPolicy,
    from: &Side<'_>,
    to: &Side<'_>,
    joint: &Joint,
    protocol: Protocol,
    port: u16,
) -> Vec<Clause> {
    if is_governed(policy, Direction::Egress, from) || is_governed(policy, Direction::Ingress, to) {
        return governed::clauses_at(policy, from, to, joint, protocol, port);
    }
    let mut hosts: Vec<HostNetwork> =
        joint.readings.iter().map(|reading| reading.row.host_network).collect();
    hosts.dedup();
    let ends = hosts.iter().map(|host| {
        [false, true].map(|names| {
            let point = Point { host: *host, protocol, port, names };
            (
                end_at(policy, Direction::Egress, from, to, to, &point),
                end_at(policy, Direction::Ingress, to, from, to, &point),
            )
        })
    });
    let ends: Vec<[(Admits, Admits); 2]> = ends.collect();
    let blocks = |of: fn(&(Admits, Admits)) -> &Admits| -> Vec<AddressSet> {
        let all = ends.iter().flatten().map(of);
        all.filter_map(|admits| match admits {
            Admits::Everyone => None,
            Admits::Addresses(addresses) => Some(addresses.clone()),
        })
        .collect()
    };
    // The addresses of each end are what the other end's rules look at.
    let to_addresses = address_choices(policy, to, &blocks(|(out, _)| out));
    let from_addresses = address_choices(policy, from, &blocks(|(_, into)| into));
    let outcome = |at: usize, to_address: &Choice, from_address: &Choice, names: usize| -> bool {
        let Some(reading) = joint.readings.get(at) else { return false };
        let host = hosts.iter().position(|host| *host == reading.row.host_network);
        let ends = host.and_then(|host| ends.get(host)).and_then(|ends| ends.get(names));
        let Some((out, into)) = ends else { return false };
        let exempt_all = reading.itself == Some(true);
        let exempt_out = exempt_all || reading.own_node == Some(OwnNodeEgress::Exempt);
        let exempt_in = exempt_all || is_node_of(policy, from, to, reading.row.host_network);
        let families = FAMILIES.into_iter().zip(reading.families);
        let mut there = families.filter_map(|(family, own)| own.map(|_| family));
        there.any(|family| {
            (exempt_out || out.admits(to, family, to_address))
                && (exempt_in || into.admits(from, family, from_address))
        })
    };
    let mut clauses = Vec::new();
    for (at, reading) in joint.readings.iter().enumerate() {
        for to_address in &to_addresses {
            for from_address in &from_addresses {
                for names in [0, 1] {
                    let own = outcome(at, to_address, from_address, names);
                    let moved = to_addresses
                        .iter()
                        .any(|other| own != outcome(at, other, from_address, names))
                        || from_addresses
                            .iter()
                            .any(|other| own != outcome(at, to_address, other, names));
                    if moved {
                        clauses.push(Clause::MISSING_ADDRESS);
                    }
                    if own != outcome(at, to_address, from_address, 1 - names) {
                        clauses.push(Clause::NAMED_PORT);
                    }
                    for (other, with) in joint.readings.iter().enumerate().skip(at + 1) {
                        if own == outcome(other, to_address, from_address, names) {
                            continue;
                        }
                        let host = reading.row.host_network != with.row.host_network;
                        // C14 may be asked under one reading of C13 only: then it is no difference.
                        let nodes = reading.own_node.zip(with.own_node);
                        let node = nodes.is_some_and(|(one, other)| one != other);
                        let itself = reading.itself != with.itself;
                        match (host, node, itself) {
                            (false, true, false) => clauses.push(Clause::OWN_NODE),
                            (false, false, true) => clauses.push(Clause::ITSELF),
                            (true, false, false) => clauses.push(Clause::HOST_NETWORK),
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    clauses.sort_unstable();
    clauses.dedup();
    clauses
}

/// An address of each family that an end with unknown ones may have; none is one that no block
/// covers, and stands for every end whose addresses are known.
type Choice = [Option<u128>; 2];

/// One choice for each way in which blocks may cover an end's unknown addresses.
fn address_choices(policy: &CompiledPolicy, side: &Side<'_>, blocks: &[AddressSet]) -> Vec<Choice> {
    let is_unknown = FAMILIES.into_iter().all(|family| known_address(side, family).is_none());
    if !is_unknown {
        return vec![[None, None]];
    }
    let [v4, v6] = FAMILIES.map(|family| {
        let (ranges, is_certain) = possible(policy, side, family);
        let mut parts = vec![ranges];
        for block in blocks {
            let block = of_family(block, family);
            let halves =
                parts.iter().flat_map(|part| [part.intersection(&block), part.difference(&block)]);
            parts = halves.filter(|part| !part.is_empty()).collect();
        }
        let known = parts.iter().filter_map(|part| part.ranges().first());
        let known = known.map(|(first, _)| Some(*first));
        known.chain((!is_certain).then_some(None)).collect::<Vec<_>>()
    });
    v4.iter().flat_map(|v4| v6.iter().map(|v6| [*v4, *v6])).collect()
}

/// The addresses that an end with an unknown one may have, and whether it has one of them for
/// certain.
pub(super) fn possible(
    policy: &CompiledPolicy,
    side: &Side<'_>,
    family: Family,
) -> (IntervalSet<u128>, bool) {
    match side {
        Side::Endpoint(_, endpoint) if !endpoint.host_network => {
            policy.cluster().pod_ranges().of_family(family)
        }
        _ => (IntervalSet::range(0, last_address(family)), false),
    }
}

pub(super) fn of_family(addresses: &AddressSet, family: Family) -> IntervalSet<u128> {
    let own = addresses.ranges().filter(|(first, _)| Family::of(*first) == family);
    IntervalSet::from_ranges(own.map(|(first, last)| (number(first), number(last))))
}

/// One port under one reading of C13 and of the names that have two numbers (C11): as if each
/// meant the port, or none did.
struct Point {
    host: HostNetwork,
    protocol: Protocol,
    port: u16,
    names: bool,
}

/// With whom an end lets a port through.
enum Admits {
    /// With the other end, wherever it is.
    Everyone,
    /// With the other end, if its address is one of these.
    Addresses(AddressSet),
}

impl Admits {
    fn admits(&self, peer: &Side<'_>, family: Family, choice: &Choice) -> bool {
        let Admits::Addresses(addresses) = self else { return true };
        let [v4, v6] = *choice;
        let chosen = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let at = known_address(peer, family).or(chosen);
        at.is_some_and(|at| addresses.contains(address(family, at)))
    }
}

/// With whom an end lets one port through, rule by rule.
fn end_at(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
    peer: &Side<'_>,
    to: &Side<'_>,
    point: &Point,
) -> Admits {
    let Side::Endpoint(id, endpoint) = subject else { return Admits::Everyone };
    if endpoint.host_network && point.host == HostNetwork::Node {
        return Admits::Everyone;
    }
    let class = policy.class_of(*id);
    let isolating = class.map_or(&[][..], |class| policy.isolating(direction, class));
    if isolating.is_empty() {
        return Admits::Everyone;
    }
    let as_node = |side: &Side<'_>| match side {
        Side::Endpoint(_, endpoint) => endpoint.host_network && point.host == HostNetwork::Node,
        Side::Node { .. } | Side::Address { .. } => true,
    };
    let destination = match to {
        Side::Endpoint(_, endpoint) if !as_node(to) => Some(*endpoint),
        _ => None,
    };
    let mut blocks = AddressSet::empty();
    let policies = isolating.iter().filter_map(|id| policy.rulebook().get(*id));
    for rule in policies.filter_map(|own| own.matches(direction)).flatten() {
        let on_port = match &rule.ports {
            Ports::Every => true,
            Ports::Some(ports) => ports.iter().any(|port| match port {
                Port::Range(protocol, first, last) => {
                    *protocol == point.protocol && (*first..=*last).contains(&point.port)
                }
                Port::Named(protocol, name) => {
                    let numbers = numbers_of(policy, destination, *protocol, name);
                    let means = numbers.len() == 1 || point.names;
                    *protocol == point.protocol && means && numbers.contains(&point.port)
                }
                Port::AnyNamed(_) | Port::Nothing => false,
            }),
        };
        if !on_port {
            continue;
        }
        let Peers::Some(peers) = &rule.peers else { return Admits::Everyone };
        for one in peers {
            match one {
                Peer::Pods(pods) => {
                    if !as_node(peer) && selects(policy, pods, peer) {
                        return Admits::Everyone;
                    }
                }
                Peer::Addresses(block) => blocks = blocks.union(block),
                // No NetworkPolicy has any.
                Peer::Nodes(_) | Peer::DomainNames(_) => {}
            }
        }
    }
    let covers = policy.options().profile.block_covers() == BlockCovers::EveryAddress;
    let is_outside = matches!(peer, Side::Address { .. });
    Admits::Addresses(if covers || is_outside { blocks } else { AddressSet::empty() })
}

fn selects(policy: &CompiledPolicy, pods: &PodMatch, peer: &Side<'_>) -> bool {
    let Side::Endpoint(_, endpoint) = peer else { return false };
    let Some(namespace) = policy.cluster().namespace(endpoint.namespace) else { return false };
    let there = match &pods.namespaces {
        Namespaces::Named(name) => *name == namespace.name,
        Namespaces::Labelled(selector) => selector.matches(|key| namespace.labels.get(key)),
    };
    there && pods.pods.matches(|key| label(policy, endpoint, key))
}
