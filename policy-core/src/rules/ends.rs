//! Sets of ends of flows, and of the flows between them.

use std::collections::BTreeSet;

use crate::compile::Cell;
use crate::map::Map;
use crate::netset::{AddressSet, Members, Traffic};

/// Some ends of flows: pods and workloads by rank, nodes by name, addresses.
///
/// An address of a pod or a node that was read is that pod or node, so of a range only the others
/// count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ends {
    pub(crate) pods: Members,
    pub(crate) nodes: BTreeSet<String>,
    pub(crate) addresses: AddressSet,
}

impl Ends {
    pub(crate) fn of_pods(pods: Members) -> Ends {
        Ends { pods, ..Ends::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.nodes.is_empty() && self.addresses.is_empty()
    }

    pub(crate) fn union(&self, other: &Ends) -> Ends {
        Ends {
            pods: self.pods.union(&other.pods),
            nodes: self.nodes.union(&other.nodes).cloned().collect(),
            addresses: self.addresses.union(&other.addresses),
        }
    }

    fn intersects(&self, other: &Ends) -> bool {
        self.pods.intersects(&other.pods)
            || self.addresses.intersects(&other.addresses)
            || !self.nodes.is_disjoint(&other.nodes)
    }

    pub(crate) fn intersection(&self, other: &Ends) -> Ends {
        Ends {
            pods: self.pods.intersection(&other.pods),
            nodes: self.nodes.intersection(&other.nodes).cloned().collect(),
            addresses: self.addresses.intersection(&other.addresses),
        }
    }

    pub(crate) fn difference(&self, other: &Ends) -> Ends {
        Ends {
            pods: self.pods.difference(&other.pods),
            nodes: self.nodes.difference(&other.nodes).cloned().collect(),
            addresses: self.addresses.difference(&other.addresses),
        }
    }
}

/// What flows from each of some to each of some, and what of it counts; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) from: Ends,
    pub(crate) to: Ends,
    /// The traffic that counts.
    pub(crate) traffic: Traffic,
    /// What flows, of all traffic.
    pub(crate) cell: Cell,
}

impl Area {
    /// The parts of it that are not from these to those on this traffic.
    fn without(self, from: &Ends, to: &Ends, traffic: &Traffic, left: &mut Vec<Area>) {
        if !self.from.intersects(from) || !self.to.intersects(to) {
            left.push(self);
            return;
        }
        let here = self.from.intersection(from);
        let there = self.to.intersection(to);
        if here.is_empty() || there.is_empty() || !self.traffic.intersects(traffic) {
            left.push(self);
            return;
        }
        let Area { from: all_from, to: all_to, traffic: all_traffic, cell } = self;
        let rest = all_traffic.difference(traffic);
        let from_rest = all_from.difference(&here);
        let to_rest = all_to.difference(&there);
        if !from_rest.is_empty() {
            let (to, traffic, cell) = (all_to, all_traffic.clone(), cell.clone());
            left.push(Area { from: from_rest, to, traffic, cell });
        }
        if !to_rest.is_empty() {
            let (from, traffic, cell) = (here.clone(), all_traffic, cell.clone());
            left.push(Area { from, to: to_rest, traffic, cell });
        }
        if !rest.is_empty() {
            left.push(Area { from: here, to: there, traffic: rest, cell });
        }
    }
}

/// Areas without what is from these to those on this traffic.
pub(crate) fn subtract(areas: Vec<Area>, from: &Ends, to: &Ends, traffic: &Traffic) -> Vec<Area> {
    let mut left = Vec::with_capacity(areas.len());
    for area in areas {
        area.without(from, to, traffic, &mut left);
    }
    left
}

/// The same flows in fewer areas: those that are alike but for one side are one.
pub(crate) fn merge(areas: Vec<Area>) -> Vec<Area> {
    let by_from = merge_by(
        areas,
        |area| (area.from.clone(), area.traffic.clone(), area.cell.clone()),
        |area, other| area.to = area.to.union(&other.to),
    );
    merge_by(
        by_from,
        |area| (area.to.clone(), area.traffic.clone(), area.cell.clone()),
        |area, other| area.from = area.from.union(&other.from),
    )
}

type Like = (Ends, Traffic, Cell);

fn merge_by(
    areas: Vec<Area>,
    like: impl Fn(&Area) -> Like,
    take: impl Fn(&mut Area, &Area),
) -> Vec<Area> {
    let mut merged: Vec<Area> = Vec::with_capacity(areas.len());
    let mut known: Map<Like, usize> = Map::default();
    for area in areas {
        let at = *known.entry(like(&area)).or_insert(merged.len());
        match merged.get_mut(at) {
            Some(own) => take(own, &area),
            None => merged.push(area),
        }
    }
    merged
}
