//! What flows between two members under each joint reading of the open clauses.

use crate::clause::Clause;
use crate::cluster::{Address, Endpoint, EndpointId, number};
use crate::compile::{
    Cell, CompiledPolicy, End, FAMILIES, Other, Pair, PortName, RowReading, TrafficId, ValueId,
};
use crate::netset::{Direction, Family, Protocol, Traffic};
use crate::profile::{BaselineReach, BlockCovers, HostNetwork, OwnNodeEgress};
use crate::query::Member;
use crate::rulebook::Policy;

/// A joint reading, and what each end lets through under it, family by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// C13, C16 and names of ports, which always have a reading though it may not matter here.
    pub(crate) row: RowReading,
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
    /// Whether the flow goes to a Service's address first.
    pub(crate) through_service: bool,
    /// Traffic that no row holds, asked of the tiers themselves.
    kept: Vec<Traffic>,
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
    /// The traffic of a number in the readings.
    pub(crate) fn traffic<'a>(&'a self, policy: &'a CompiledPolicy, id: TrafficId) -> &'a Traffic {
        let kept = id.as_kept().and_then(|at| self.kept.get(at));
        kept.unwrap_or_else(|| policy.values().traffic(id))
    }

    fn keep(&mut self, (certain, possible): (Traffic, Traffic)) -> Pair {
        let mut keep = |traffic: Traffic| {
            self.kept.push(traffic);
            TrafficId::kept(self.kept.len() - 1)
        };
        Pair { certain: keep(certain), possible: keep(possible) }
    }

    /// What is allowed, and what depends.
    pub(crate) fn cell(&self, policy: &CompiledPolicy) -> Cell {
        let of = |id| self.traffic(policy, id);
        Cell::over(self.readings.iter().map(|reading| {
            let both = reading.families.iter().flatten().map(|(out, into)| {
                let certain = of(out.certain).intersection(of(into.certain));
                let possible = of(out.possible).intersection(of(into.possible));
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
            let has = |id| self.traffic(policy, id).contains(protocol, port);
            let families = || reading.families.iter().flatten();
            every &= families().any(|(out, into)| has(out.certain) && has(into.certain));
            some |= families().any(|(out, into)| has(out.possible) && has(into.possible));
        }
        (every, some)
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
        let row = RowReading {
            host_network: HostNetwork::Ordinary,
            baseline: BaselineReach::Direction,
            names: 0,
        };
        let reading = Reading { row, own_node: None, itself: None, families: every(there) };
        return Some(Joint {
            readings: vec![reading],
            settled: Some(Clause::ITSELF),
            through_service,
            kept: Vec::new(),
        });
    }
    let mut joint =
        Joint { readings: Vec::with_capacity(2), settled: None, through_service, kept: Vec::new() };
    let out = Column::of(policy, Direction::Egress, from, to, &mut joint);
    let into = Column::of(policy, Direction::Ingress, to, from, &mut joint);
    if there == [false, false] {
        joint.settled = Some(Clause::FAMILIES);
    }
    let (mut always, mut changed) = (true, false);
    for (at, &row) in policy.readings().iter().enumerate() {
        let mut families = [None, None];
        for ((slot, own), there) in (at * 2..).zip(&mut families).zip(there) {
            *own = there.then(|| (out.pair(slot), into.pair(slot)));
        }
        if is_node_of(policy, from, to, row.host_network) {
            for (family, own) in FAMILIES.into_iter().zip(&mut families) {
                let Some((_, into)) = own else { continue };
                let exempt = exempt(policy, Direction::Ingress, to, from, family, row, &mut joint);
                let same = |own: TrafficId, other: TrafficId| {
                    own == other || joint.traffic(policy, own) == joint.traffic(policy, other)
                };
                changed |=
                    !same(into.certain, exempt.certain) || !same(into.possible, exempt.possible);
                *into = exempt;
            }
        } else {
            always = false;
        }
        let reading = Reading { row, own_node: None, itself: None, families };
        if is_node_of(policy, to, from, row.host_network) {
            for own in policy.options().profile.own_node_egress() {
                let mut reading = Reading { own_node: Some(*own), ..reading };
                if *own == OwnNodeEgress::Exempt {
                    for (family, own) in FAMILIES.into_iter().zip(&mut reading.families) {
                        let Some((out, _)) = own else { continue };
                        *out = exempt(policy, Direction::Egress, from, to, family, row, &mut joint);
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
        let mut readings = Vec::with_capacity(joint.readings.len() * 2);
        for reading in std::mem::take(&mut joint.readings) {
            readings.push(Reading { itself: Some(false), ..reading });
            let mut reading = Reading { itself: Some(true), ..reading };
            for (family, own) in FAMILIES.into_iter().zip(&mut reading.families) {
                let Some((out, into)) = own else { continue };
                let row = reading.row;
                *out = exempt(policy, Direction::Egress, from, to, family, row, &mut joint);
                *into = exempt(policy, Direction::Ingress, to, from, family, row, &mut joint);
            }
            readings.push(reading);
        }
        joint.readings = readings;
    }
    Some(joint)
}

/// What an end lets through that is exempt from NetworkPolicies, and from nothing else (C14, C15).
fn exempt(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
    peer: &Side<'_>,
    family: Family,
    reading: RowReading,
    joint: &mut Joint,
) -> Pair {
    match exact(policy, direction, subject, peer, family, reading, true) {
        Some(bounds) => joint.keep(bounds),
        None => Pair::ALL,
    }
}

/// What an end lets through, asked of the tiers themselves; none if no administrator's policy
/// selects it, so that they have nothing to say.
fn exact(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
    peer: &Side<'_>,
    family: Family,
    reading: RowReading,
    exempt: bool,
) -> Option<(Traffic, Traffic)> {
    if !is_governed(policy, direction, subject) {
        return None;
    }
    let joint = policy.joint_names();
    with_end(policy, direction, subject, peer, (exempt, joint), |end, other| {
        end.bounds(other, family, reading)
    })
}

/// Whether administrators' policies select an end.
pub(super) fn is_governed(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
) -> bool {
    let Side::Endpoint(id, _) = subject else { return false };
    let class = policy.class_of(*id);
    class.is_some_and(|class| {
        policy.speaking(direction, class).len() > policy.isolating(direction, class).len()
    })
}

/// Hands on an end that policies of any kind select, and what is known of the other.
pub(super) fn with_end<T>(
    policy: &CompiledPolicy,
    direction: Direction,
    subject: &Side<'_>,
    peer: &Side<'_>,
    (exempt, joint): (bool, &[PortName]),
    ask: impl FnOnce(&End<'_>, &Other<'_>) -> T,
) -> Option<T> {
    let Side::Endpoint(id, endpoint) = subject else { return None };
    let class = policy.class_of(*id)?;
    let own = policy.isolating(direction, class).iter();
    let own = own.filter_map(|id| policy.rulebook().get(*id));
    let policies: Vec<&Policy> = own.chain(policy.governing(direction, class)).collect();
    if policies.is_empty() {
        return None;
    }
    let end = End {
        cluster: policy.cluster(),
        profile: policy.options().profile,
        direction,
        subject: endpoint,
        policies: &policies,
        selected_elsewhere: policy.is_selected_elsewhere(direction, class),
        exempt,
        joint,
    };
    let cluster = policy.cluster();
    let other = match peer {
        Side::Endpoint(_, endpoint) => Other::endpoint(cluster, endpoint),
        Side::Node { name, addresses } => Other::node(&cluster.node(name)?.labels, *addresses),
        Side::Address { family, address } => Other::outside(cluster, *family, *address),
    };
    Some(ask(&end, &other))
}

/// What one end lets through with its peer, slot by slot.
enum Column<'p> {
    /// The same in every slot.
    Every(Pair),
    /// What a row holds, for the slots of each family.
    Row([&'p [Pair]; 2]),
    /// What was asked of the tiers.
    Asked(Vec<Pair>),
}

impl<'p> Column<'p> {
    fn of(
        policy: &'p CompiledPolicy,
        direction: Direction,
        subject: &Side<'_>,
        peer: &Side<'_>,
        joint: &mut Joint,
    ) -> Column<'p> {
        // Only pods are subjects.
        let Side::Endpoint(id, _) = subject else { return Column::Every(Pair::ALL) };
        let row = policy.class_of(*id).and_then(|class| policy.row(direction, class));
        let Some(row) = row else { return Column::Every(Pair::NOTHING) };
        let covers = policy.options().profile.block_covers() == BlockCovers::EveryAddress;
        let values: [ValueId; 2] = match peer {
            Side::Endpoint(peer, _) => match policy.class_of(*peer) {
                Some(class) => [row.value(class.0); 2],
                None => [ValueId::NOTHING; 2],
            },
            Side::Address { family, address } => [row.value_outside(*family, *address); 2],
            Side::Node { .. } if row.is_layered => {
                let mut asked = Vec::with_capacity(policy.readings().len() * 2);
                for reading in policy.readings() {
                    for family in FAMILIES {
                        let bounds =
                            exact(policy, direction, subject, peer, family, *reading, false);
                        asked.push(bounds.map_or(Pair::NOTHING, |bounds| joint.keep(bounds)));
                    }
                }
                return Column::Asked(asked);
            }
            Side::Node { .. } if !covers => [row.uncovered; 2],
            Side::Node { addresses: [None, None], .. } => [row.anywhere; 2],
            Side::Node { addresses: [v4, v6], .. } => {
                let at = |family, address: &Option<u128>| {
                    address.map_or(ValueId::NOTHING, |at| row.value_outside(family, at))
                };
                [at(Family::V4, v4), at(Family::V6, v6)]
            }
        };
        Column::Row(values.map(|value| policy.values().value(value)))
    }

    fn pair(&self, slot: usize) -> Pair {
        let own = match self {
            Column::Every(pair) => return *pair,
            Column::Row([v4, _]) if slot.is_multiple_of(2) => v4.get(slot),
            Column::Row([_, v6]) => v6.get(slot),
            Column::Asked(pairs) => pairs.get(slot),
        };
        own.copied().unwrap_or(Pair::NOTHING)
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
