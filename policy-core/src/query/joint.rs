//! What flows between two members under each joint reading of the open clauses.

use crate::clause::Clause;
use crate::cluster::{Address, Endpoint, EndpointId, number};
use crate::compile::{Cell, CompiledPolicy, FAMILIES, Pair, ValueId};
use crate::netset::{Direction, Family, Protocol, Traffic};
use crate::profile::{BlockCovers, HostNetwork, OwnNodeEgress};
use crate::query::Member;

/// A joint reading, and what each end lets through under it, family by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// C13, which always has a reading though it may not matter here.
    pub(crate) host_network: HostNetwork,
    /// C14, where the flow goes to the source's own node.
    pub(crate) own_node: Option<OwnNodeEgress>,
    /// C15, where a pod reaches itself through a Service: whether that is exempt.
    pub(crate) itself: Option<bool>,
    /// What the source's egress and the destination's ingress let through, for each family that
    /// both have, IPv4 first.
    pub(crate) families: [Option<(Pair, Pair)>; 2],
}

/// All joint readings; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joint {
    pub(crate) readings: Vec<Reading>,
    /// A clause that decided though it is settled.
    pub(crate) settled: Option<Clause>,
}

/// What a member is to a policy.
pub(crate) enum Side<'a> {
    Endpoint(EndpointId, &'a Endpoint),
    Node {
        name: &'a str,
        addresses: [Option<u128>; 2],
    },
    /// An address outside, which stands for all that the row does not tell from it.
    Address {
        family: Family,
        address: u128,
    },
}

impl<'a> Side<'a> {
    /// The side of a member; of a range, its first address stands for it.
    pub(crate) fn of(policy: &'a CompiledPolicy, member: &'a Member) -> Option<Side<'a>> {
        Some(match member {
            Member::Endpoint(id) => Side::Endpoint(*id, policy.cluster().endpoint(*id)?),
            Member::Node { name, addresses } => {
                Side::Node { name, addresses: addresses.map(|ip| ip.map(number)) }
            }
            Member::Missing(_) => return None,
            Member::Outside { first, .. } => {
                Side::Address { family: Family::of(*first), address: number(*first) }
            }
        })
    }
}

impl Side<'_> {
    /// Whether it may have an address of a family.
    pub(crate) fn has(&self, family: Family) -> bool {
        match self {
            Side::Endpoint(_, endpoint) => endpoint.address(family) != Address::Absent,
            Side::Node { addresses: [None, None], .. } => true,
            Side::Node { addresses: [v4, v6], .. } => match family {
                Family::V4 => v4.is_some(),
                Family::V6 => v6.is_some(),
            },
            Side::Address { family: own, .. } => *own == family,
        }
    }
}

impl Joint {
    /// What is allowed, and what depends.
    pub(crate) fn cell(&self, policy: &CompiledPolicy) -> Cell {
        let values = policy.values();
        Cell::over(self.readings.iter().map(|reading| {
            let both = reading.families.iter().flatten().map(|(out, into)| {
                let certain =
                    values.traffic(out.certain).intersection(values.traffic(into.certain));
                let possible =
                    values.traffic(out.possible).intersection(values.traffic(into.possible));
                (certain, possible)
            });
            both.fold((Traffic::empty(), Traffic::empty()), |(certain, possible), family| {
                (certain.union(&family.0), possible.union(&family.1))
            })
        }))
    }

    /// Whether a port is allowed under every reading, and under some.
    pub(crate) fn at(
        &self,
        policy: &CompiledPolicy,
        protocol: Protocol,
        port: u16,
    ) -> (bool, bool) {
        let (mut every, mut some) = (true, false);
        for reading in &self.readings {
            every &= reading.at(policy, protocol, port, [false, false]);
            some |= reading.at(policy, protocol, port, [true, true]);
        }
        (every, some)
    }
}

impl Reading {
    /// Whether a port flows; of the source's and the destination's own conditions, in the order
    /// egress, ingress: as if all held.
    fn at(&self, policy: &CompiledPolicy, protocol: Protocol, port: u16, held: [bool; 2]) -> bool {
        let values = policy.values();
        let [out_held, into_held] = held;
        let has = |pair: &Pair, held: bool| {
            let traffic = if held { pair.possible } else { pair.certain };
            values.traffic(traffic).contains(protocol, port)
        };
        self.families.iter().flatten().any(|(out, into)| has(out, out_held) && has(into, into_held))
    }
}

/// Every joint reading of the flows from one member to another; none if neither is an endpoint.
///
/// `through_service`: the flow goes to a Service's address first, which only matters for a pod
/// that reaches itself (C15).
pub(crate) fn joint(
    policy: &CompiledPolicy,
    from: &Side<'_>,
    to: &Side<'_>,
    through_service: bool,
) -> Option<Joint> {
    if !matches!(from, Side::Endpoint(..)) && !matches!(to, Side::Endpoint(..)) {
        return None;
    }
    let there = FAMILIES.map(|family| from.has(family) && to.has(family));
    let every = |there: [bool; 2]| there.map(|there| there.then_some((Pair::ALL, Pair::ALL)));
    let itself = match (from, to) {
        (Side::Endpoint(one, endpoint), Side::Endpoint(other, _)) => {
            one == other && endpoint.is_pod()
        }
        _ => false,
    };
    if itself && !through_service {
        let reading = Reading {
            host_network: HostNetwork::Ordinary,
            own_node: None,
            itself: None,
            families: every(there),
        };
        return Some(Joint { readings: vec![reading], settled: Some(Clause::ITSELF) });
    }
    let out = Column::of(policy, Direction::Egress, from, to);
    let into = Column::of(policy, Direction::Ingress, to, from);
    let mut joint = Joint { readings: Vec::with_capacity(2), settled: None };
    if there == [false, false] {
        joint.settled = Some(Clause::FAMILIES);
    }
    let (mut always, mut changed) = (true, false);
    for (at, &host_network) in policy.options().profile.host_network().iter().enumerate() {
        let mut families = [None, None];
        for ((slot, own), there) in (at * 2..).zip(&mut families).zip(there) {
            *own = there.then(|| (out.pair(slot), into.pair(slot)));
        }
        if is_node_of(policy, from, to, host_network) {
            for (_, into) in families.iter_mut().flatten() {
                changed |= *into != Pair::ALL;
                *into = Pair::ALL;
            }
        } else {
            always = false;
        }
        let reading = Reading { host_network, own_node: None, itself: None, families };
        if is_node_of(policy, to, from, host_network) {
            for own in policy.options().profile.own_node_egress() {
                let mut reading = Reading { own_node: Some(*own), ..reading };
                if *own == OwnNodeEgress::Exempt {
                    for (out, _) in reading.families.iter_mut().flatten() {
                        *out = Pair::ALL;
                    }
                }
                joint.readings.push(reading);
            }
        } else {
            joint.readings.push(reading);
        }
    }
    if always && changed {
        joint.settled = Some(Clause::OWN_NODE);
    }
    if itself {
        let subject = joint.readings.iter().map(|one| Reading { itself: Some(false), ..*one });
        let exempt = joint.readings.iter().map(|one| Reading {
            itself: Some(true),
            families: every(there),
            ..*one
        });
        joint.readings = subject.chain(exempt).collect();
    }
    Some(joint)
}

/// What one end lets through with its peer: two readings of C13 at most, of two families each.
struct Column([Pair; 4]);

impl Column {
    fn of(
        policy: &CompiledPolicy,
        direction: Direction,
        subject: &Side<'_>,
        peer: &Side<'_>,
    ) -> Column {
        // Only pods are subjects.
        let Side::Endpoint(id, _) = subject else { return Column([Pair::ALL; 4]) };
        let row = policy.class_of(*id).and_then(|class| policy.row(direction, class));
        let Some(row) = row else { return Column([Pair::NOTHING; 4]) };
        let covers = policy.options().profile.block_covers() == BlockCovers::EveryAddress;
        let values: [ValueId; 2] = match peer {
            Side::Endpoint(peer, _) => match policy.class_of(*peer) {
                Some(class) => [row.value(class.0); 2],
                None => [ValueId::NOTHING; 2],
            },
            Side::Address { family, address } => [row.value_outside(*family, *address); 2],
            Side::Node { .. } if !covers => [row.uncovered; 2],
            Side::Node { addresses: [None, None], .. } => [row.anywhere; 2],
            Side::Node { addresses: [v4, v6], .. } => {
                let at = |family, address: &Option<u128>| {
                    address.map_or(ValueId::NOTHING, |at| row.value_outside(family, at))
                };
                [at(Family::V4, v4), at(Family::V6, v6)]
            }
        };
        let [v4, v6] = values.map(|value| policy.values().value(value));
        let pair = |slots: &[Pair], at| slots.get(at).copied().unwrap_or(Pair::NOTHING);
        Column([pair(v4, 0), pair(v6, 1), pair(v4, 2), pair(v6, 3)])
    }

    fn pair(&self, slot: usize) -> Pair {
        self.0.get(slot).copied().unwrap_or(Pair::NOTHING)
    }
}

/// Whether one member, under a reading of C13, is the node that the other is on.
pub(super) fn is_node_of(
    policy: &CompiledPolicy,
    one: &Side<'_>,
    other: &Side<'_>,
    host_network: HostNetwork,
) -> bool {
    let Side::Endpoint(_, Endpoint { node: Some(node), .. }) = other else { return false };
    match one {
        Side::Endpoint(_, one) => {
            host_network == HostNetwork::Node && one.host_network && one.node == Some(*node)
        }
        Side::Node { name, .. } => policy.cluster().symbols().text(*node) == *name,
        Side::Address { .. } => false,
    }
}
