//! What two ends would exchange had only some of the changes been made: a world of the two alone,
//! compiled as any other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::cause::Candidate;
use super::ends::{Ends, Side};
use crate::cluster::{Cluster, Endpoint, number};
use crate::compile::{Cell, ClassId, CompiledPolicy};
use crate::manifest::document::{Body, Kind, Object, ObjectKey};
use crate::netset::{Direction, Family};
use crate::rulebook::{Policy, Rulebook};

/// One end of a trial.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sample<'p> {
    /// An endpoint as it was and as it is.
    Endpoint(u32, &'p Endpoint, &'p Endpoint),
    /// An address outside.
    Address(IpAddr),
}

/// What is tried with the same two ends.
pub(super) struct Trial<'e, 'p> {
    pub(super) ends: &'e Ends<'p>,
    pub(super) from: Sample<'p>,
    pub(super) to: Sample<'p>,
    /// Policies that did not change and may speak of the two.
    pub(super) standing: Vec<&'p Policy>,
    /// Policies that changed: as they were, as they are.
    pub(super) changed: BTreeMap<ObjectKey, (Option<&'p Policy>, Option<&'p Policy>)>,
}

impl<'p> Trial<'_, 'p> {
    /// What flows where these changes were made, and no others.
    pub(super) fn cell(&self, made: &BTreeSet<&Candidate>) -> Option<Cell> {
        let side = |candidate: &Candidate| {
            if made.contains(candidate) { Side::After } else { Side::Before }
        };
        let nodes = side(&Candidate::Nodes);
        let mut objects: Vec<Object> = Vec::new();
        let mut namespaces: BTreeSet<&str> = BTreeSet::new();
        let mut hosts: BTreeSet<&str> = BTreeSet::new();
        let ends = [(&self.from, Candidate::From, "from"), (&self.to, Candidate::To, "to")];
        for (sample, own, name) in ends {
            let Sample::Endpoint(_, before, after) = sample else { continue };
            let side = side(&own);
            let endpoint = match side {
                Side::Before => before,
                Side::After => after,
            };
            let cluster = self.ends.policy(side).cluster();
            namespaces.insert(cluster.namespace(endpoint.namespace)?.name.as_str());
            let object = self.ends.object(side, &self.ends.key_of(endpoint)?)?;
            let mut object = object.clone();
            object.key.name = name.to_owned();
            match &mut object.body {
                Body::Pod(pod) => pod.owner = None,
                Body::Workload(workload) => workload.owner = None,
                Body::Namespace(_)
                | Body::Node(_)
                | Body::Service(_)
                | Body::NetworkPolicy(_)
                | Body::AdminPolicy(_)
                | Body::IsolationRule(_) => {}
            }
            hosts.extend(endpoint.node.map(|node| cluster.symbols().text(node)));
            objects.push(object);
        }
        for name in namespaces {
            let key = object_key(Kind::Namespace, name);
            let side = side(&Candidate::Namespace(key.clone()));
            objects.extend(self.ends.object(side, &key).cloned());
        }
        let every_node = self.ends.policy(Side::Before).classes().node_addresses_in_use()
            || self.ends.policy(Side::After).classes().node_addresses_in_use();
        if every_node {
            objects.extend(self.ends.nodes(nodes).cloned());
        } else {
            let keys = hosts.into_iter().map(|name| object_key(Kind::Node, name));
            objects.extend(keys.filter_map(|key| self.ends.object(nodes, &key)).cloned());
        }
        let mut rulebook = Rulebook::default();
        for policy in &self.standing {
            rulebook.put((*policy).clone());
        }
        for (key, (before, after)) in &self.changed {
            let policy = match side(&Candidate::Policy(key.clone())) {
                Side::Before => before,
                Side::After => after,
            };
            if let Some(policy) = policy {
                rulebook.put((*policy).clone());
            }
        }
        let options = self.ends.policy(Side::After).options().clone();
        let ranges = self.ends.pod_ranges(nodes).clone();
        let cluster = Cluster::resolve(objects, &[]).with_pod_ranges(ranges);
        Some(self.ask(&CompiledPolicy::new(rulebook, cluster, options)))
    }

    fn ask(&self, world: &CompiledPolicy) -> Cell {
        let class = |name: &str| -> Option<ClassId> {
            let mut own = world.cluster().endpoints().filter(|(_, one)| &*one.name == name);
            world.class_of(own.next()?.0)
        };
        let outside = |direction, name, address: IpAddr| {
            let Some(class) = class(name) else { return Cell::default() };
            let family = Family::of(address);
            if world.classes().lacking(family).contains(class.0) {
                return Cell::default();
            }
            let row = world.row(direction, class);
            row.map_or_else(Cell::default, |row| {
                world.values().alone(row.value_outside(family, number(address)))
            })
        };
        match (self.from, self.to) {
            (Sample::Address(address), _) => outside(Direction::Ingress, "to", address),
            (_, Sample::Address(address)) => outside(Direction::Egress, "from", address),
            _ => match (class("from"), class("to")) {
                (Some(from), Some(to)) => world.cell(from, to),
                _ => Cell::default(),
            },
        }
    }
}

fn object_key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: String::new(), name: name.to_owned() }
}
