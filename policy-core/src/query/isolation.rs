//! Who is isolated, by what, and how far each one reaches.

use super::matrix::{Filter, matrix};
use crate::cluster::EndpointId;
use crate::compile::{Cell, ClassId, CompiledPolicy, FAMILIES};
use crate::manifest::document::ObjectKey;
use crate::netset::{Direction, Members, Traffic};
use crate::rulebook::{Namespaces, PolicyId};

/// Who is isolated, and how far each one reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// Every endpoint, by namespace and name.
    pub endpoints: Vec<EndpointIsolation>,
    /// Every namespace with an endpoint or a policy, by name.
    pub namespaces: Vec<NamespaceIsolation>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointIsolation {
    /// Who.
    pub endpoint: EndpointId,
    /// Its namespace.
    pub namespace: String,
    /// Towards it.
    pub ingress: DirectionIsolation,
    /// Away from it.
    pub egress: DirectionIsolation,
    /// How many pods it reaches, on any port, itself aside.
    pub reaches: Reach,
    /// How many pods reach it, on any port, itself aside.
    pub reached_by: Reach,
}

/// One direction of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionIsolation {
    /// The policies that isolate it, by name; none if it is not isolated.
    pub policies: Vec<ObjectKey>,
    /// What this end lets through with anybody in the cluster.
    pub cluster: Cell,
    /// What this end lets through with any address outside.
    pub outside: Cell,
}

/// A number of pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// On some port, for certain.
    pub allowed: u64,
    /// On no port for certain, on some port in some reading.
    pub depends: u64,
}

/// One namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceIsolation {
    /// Its name.
    pub name: String,
    /// How many endpoints it has.
    pub endpoints: u64,
    /// Towards its pods.
    pub ingress: DefaultDeny,
    /// Away from its pods.
    pub egress: DefaultDeny,
}

/// Whether whatever comes into a namespace is isolated for a direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultDeny {
    /// The policies that select every pod, those to come included; none if no default deny holds.
    pub policies: Vec<ObjectKey>,
    /// How many of the endpoints that are there are isolated, by whatever policy.
    pub isolated: u64,
}

/// Who is isolated by what, and the blast radius of each, exact in pods.
pub fn isolation(policy: &CompiledPolicy) -> Isolation {
    let cluster = policy.cluster();
    let (reaches, reached_by) = radius(policy);
    let mut result = Isolation::default();
    let mut by_namespace: std::collections::BTreeMap<String, NamespaceIsolation> =
        std::collections::BTreeMap::new();
    let blank = |name: &str| NamespaceIsolation {
        name: name.to_owned(),
        endpoints: 0,
        ingress: DefaultDeny::default(),
        egress: DefaultDeny::default(),
    };
    for (_, own) in policy.rulebook().iter() {
        let Namespaces::Named(name) = &own.subject.namespaces else { continue };
        let entry = by_namespace.entry(name.clone()).or_insert_with(|| blank(name));
        for direction in Direction::ALL {
            if own.subject.pods.is_empty() && own.matches(direction).is_some() {
                let deny = match direction {
                    Direction::Ingress => &mut entry.ingress,
                    Direction::Egress => &mut entry.egress,
                };
                deny.policies.push(own.origin.clone());
            }
        }
    }
    for (id, endpoint) in cluster.endpoints() {
        let Some(class) = policy.class_of(id) else { continue };
        let name = cluster.namespace(endpoint.namespace).map_or("", |one| one.name.as_str());
        let entry = by_namespace.entry(name.to_owned()).or_insert_with(|| blank(name));
        entry.endpoints += 1;
        let ingress = direction_of(policy, Direction::Ingress, class);
        let egress = direction_of(policy, Direction::Egress, class);
        entry.ingress.isolated += u64::from(!ingress.policies.is_empty());
        entry.egress.isolated += u64::from(!egress.policies.is_empty());
        let of = |reach: &[Reach]| reach.get(class.0 as usize).copied().unwrap_or_default();
        let itself = u64::from(endpoint.is_pod());
        let own = policy.cell(class, class);
        let without_itself = |mut reach: Reach| {
            if !own.allowed.is_empty() {
                reach.allowed = reach.allowed.saturating_sub(itself);
            } else if !own.depends.is_empty() {
                reach.depends = reach.depends.saturating_sub(itself);
            }
            reach
        };
        result.endpoints.push(EndpointIsolation {
            endpoint: id,
            namespace: name.to_owned(),
            ingress,
            egress,
            reaches: without_itself(of(&reaches)),
            reached_by: without_itself(of(&reached_by)),
        });
    }
    result.namespaces = by_namespace.into_values().collect();
    result
}

/// For each class: how many endpoints it reaches, and by how many it is reached, its own included.
fn radius(policy: &CompiledPolicy) -> (Vec<Reach>, Vec<Reach>) {
    let classes = policy.classes();
    let weight = |members: &Members| -> u64 {
        let sizes = members.iter().filter_map(|id| classes.get(ClassId(id)));
        sizes.map(|class| class.endpoints.len() as u64).sum()
    };
    let mut reaches = vec![Reach::default(); classes.len()];
    let mut reached_by = reaches.clone();
    matrix(policy, &Filter::default(), |block| {
        let is_certain = !block.cell.allowed.is_empty();
        let ends = [
            (&mut reaches, &block.from.classes, &block.to.classes),
            (&mut reached_by, &block.to.classes, &block.from.classes),
        ];
        for (counts, own, others) in ends {
            let count = weight(others);
            for class in own.iter() {
                if let Some(reach) = counts.get_mut(class as usize) {
                    if is_certain {
                        reach.allowed += count;
                    } else {
                        reach.depends += count;
                    }
                }
            }
        }
    });
    (reaches, reached_by)
}

fn direction_of(
    policy: &CompiledPolicy,
    direction: Direction,
    class: ClassId,
) -> DirectionIsolation {
    let origin = |id: &PolicyId| Some(policy.rulebook().get(*id)?.origin.clone());
    let mut policies: Vec<ObjectKey> =
        policy.isolating(direction, class).iter().filter_map(origin).collect();
    policies.sort();
    let values = policy.values();
    let join = |cells: &mut dyn Iterator<Item = Cell>| {
        let all = cells.fold((Traffic::empty(), Traffic::empty()), |all, cell| {
            (all.0.union(&cell.allowed), all.1.union(&cell.depends))
        });
        Cell { depends: all.1.difference(&all.0), allowed: all.0 }
    };
    let Some(row) = policy.row(direction, class) else {
        return DirectionIsolation { policies, cluster: Cell::default(), outside: Cell::default() };
    };
    let mut pieces = row.pieces.iter().map(|(value, _)| values.alone(*value));
    let lacks = |family| policy.classes().lacking(family).contains(class.0);
    let mut runs = FAMILIES
        .into_iter()
        .filter(|family| !lacks(*family))
        .flat_map(|family| row.runs(family))
        .map(|(_, _, value)| values.alone(value));
    DirectionIsolation { cluster: join(&mut pieces), outside: join(&mut runs), policies }
}
