//! On which clauses a verdict hangs where administrators' policies select an end: every world is
//! looked at, and what in it makes a difference is named.

use std::collections::BTreeMap;

use super::joint::{Joint, Reading, Side, is_node_of, with_end};
use crate::clause::Clause;
use crate::compile::{CompiledPolicy, End, FAMILIES, Other, Told, World};
use crate::netset::{Direction, Family, Protocol};
use crate::profile::OwnNodeEgress;
use crate::rulebook::Policy;

/// What an end may do with a port in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct May {
    allow: bool,
    deny: bool,
}

/// What an end may do with a port, world by world.
type Worlds = BTreeMap<World, May>;

/// The clauses on which the verdict of a port hangs.
pub(super) fn clauses_at(
    policy: &CompiledPolicy,
    from: &Side<'_>,
    to: &Side<'_>,
    joint: &Joint,
    protocol: Protocol,
    port: u16,
) -> Vec<Clause> {
    let mut clauses = Vec::new();
    for (family, has) in FAMILIES.map(|family| (family, from.has(family) && to.has(family))) {
        if !has {
            continue;
        }
        let ends: Vec<[Worlds; 2]> = joint
            .readings
            .iter()
            .map(|reading| {
                let all = reading.itself == Some(true);
                let out = all || reading.own_node == Some(OwnNodeEgress::Exempt);
                let into = is_node_of(policy, from, to, reading.row.host_network);
                let ask = |direction, subject, peer, exempt| {
                    if all {
                        return always();
                    }
                    let one = Asked { policy, direction, subject, peer, family, exempt };
                    one.worlds(reading, protocol, port)
                };
                [ask(Direction::Egress, from, to, out), ask(Direction::Ingress, to, from, into)]
            })
            .collect();
        for [out, into] in &ends {
            for (own, other) in [(out, into), (into, out)] {
                if other.values().any(|may| may.allow) {
                    facts(own, &mut clauses);
                }
            }
        }
        for (at, (one, own)) in joint.readings.iter().zip(&ends).enumerate() {
            for (other, others) in joint.readings.iter().zip(&ends).skip(at + 1) {
                if let Some(clause) = differ_by(one, other)
                    && is_moved(own, others)
                {
                    clauses.push(clause);
                }
            }
        }
    }
    clauses.sort_unstable();
    clauses.dedup();
    clauses
}

/// One end of one question.
struct Asked<'a, 's> {
    policy: &'a CompiledPolicy,
    direction: Direction,
    subject: &'a Side<'s>,
    peer: &'a Side<'s>,
    family: Family,
    exempt: bool,
}

impl Asked<'_, '_> {
    fn worlds(&self, reading: &Reading, protocol: Protocol, port: u16) -> Worlds {
        let mut worlds = Worlds::new();
        let ask = |end: &End<'_>, other: &Other<'_>| {
            end.each_world(other, self.family, reading.row, |world, outcome| {
                let may = May {
                    allow: outcome.allow.contains(protocol, port),
                    deny: outcome.deny.contains(protocol, port),
                };
                worlds.insert(world, may);
            })
        };
        let told = with_end_of(self, ask);
        match told {
            Some(Told::Worlds | Told::NoFamily) => worlds,
            // Everything is open, and too much to name what it hangs on one by one.
            Some(Told::TooMany) => {
                let world = World { address: 0, node: 0, domain_names: 0, port_names: 0 };
                let other = World { domain_names: 1, ..world };
                let may = |allow: bool| May { allow, deny: !allow };
                Worlds::from([(world, may(true)), (other, may(false))])
            }
            None => always(),
        }
    }
}

/// An end with its policies, where any of either kind select it.
fn with_end_of<T>(asked: &Asked<'_, '_>, ask: impl FnOnce(&End<'_>, &Other<'_>) -> T) -> Option<T> {
    let Asked { policy, direction, subject, peer, exempt, .. } = asked;
    let Side::Endpoint(id, endpoint) = subject else { return None };
    let class = policy.class_of(*id)?;
    if policy.speaking(*direction, class).is_empty() {
        return None;
    }
    if !policy.governing(*direction, class).is_empty() {
        return with_end(policy, *direction, subject, peer, *exempt, ask);
    }
    let own = policy.isolating(*direction, class).iter();
    let policies: Vec<&Policy> = own.filter_map(|id| policy.rulebook().get(*id)).collect();
    let cluster = policy.cluster();
    let end = End {
        cluster,
        profile: policy.options().profile,
        direction: *direction,
        subject: endpoint,
        policies: &policies,
        selected_elsewhere: false,
        exempt: *exempt,
    };
    let other = match peer {
        Side::Endpoint(_, endpoint) => Other::endpoint(cluster, endpoint),
        Side::Node { name, addresses } => Other::node(&cluster.node(name)?.labels, *addresses),
        Side::Address { family, address } => Other::outside(cluster, *family, *address),
    };
    Some(ask(&end, &other))
}

/// Whoever has no policy lets all through.
fn always() -> Worlds {
    let world = World { address: 0, node: 0, domain_names: 0, port_names: 0 };
    Worlds::from([(world, May { allow: true, deny: false })])
}

/// The facts that make a difference at an end.
fn facts(worlds: &Worlds, clauses: &mut Vec<Clause>) {
    type Without = fn(&World) -> World;
    const FACTS: [(Clause, Without); 4] = [
        (Clause::MISSING_ADDRESS, |world| World { address: 0, ..*world }),
        (Clause::MISSING_FACT, |world| World { node: 0, ..*world }),
        (Clause::MISSING_FACT, |world| World { domain_names: 0, ..*world }),
        (Clause::NAMED_PORT, |world| World { port_names: 0, ..*world }),
    ];
    for (clause, without) in FACTS {
        let mut known: BTreeMap<World, May> = BTreeMap::new();
        for (world, may) in worlds {
            if known.insert(without(world), *may).is_some_and(|before| before != *may) {
                clauses.push(clause);
                break;
            }
        }
    }
    if worlds.values().any(|may| may.allow && may.deny) {
        clauses.push(Clause::EQUAL_RANK);
    }
}

/// The one clause that two readings settle differently, if it is one.
fn differ_by(one: &Reading, other: &Reading) -> Option<Clause> {
    let nodes = one.own_node.zip(other.own_node);
    let differences = [
        (one.row.host_network != other.row.host_network, Clause::HOST_NETWORK),
        (one.row.baseline != other.row.baseline, Clause::BASELINE_REACH),
        (nodes.is_some_and(|(one, other)| one != other), Clause::OWN_NODE),
        (one.itself != other.itself, Clause::ITSELF),
    ];
    let mut there = differences.into_iter().filter(|(differs, _)| *differs);
    match (there.next(), there.next()) {
        (Some((_, clause)), None) => Some(clause),
        _ => None,
    }
}

/// Whether another reading gives another verdict in some world.
fn is_moved([out, into]: &[Worlds; 2], [other_out, other_into]: &[Worlds; 2]) -> bool {
    let pairs = |one: &Worlds, other: &Worlds| -> Vec<(May, May)> {
        let same = one.iter().filter_map(|(world, may)| Some((*may, *other.get(world)?)));
        let mut pairs: Vec<(May, May)> = same.collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    };
    let both = |one: May, other: May| May {
        allow: one.allow && other.allow,
        deny: one.deny || other.deny,
    };
    let intos = pairs(into, other_into);
    pairs(out, other_out).into_iter().any(|(out, other_out)| {
        let mut intos = intos.iter();
        intos.any(|(into, other_into)| both(out, *into) != both(other_out, *other_into))
    })
}
