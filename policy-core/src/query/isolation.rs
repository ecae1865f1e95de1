//! Who is isolated, by what, and how far each one reaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::default_deny::{BaselineDeny, Covers, baseline_denies, rule_path};
use super::matrix::{Filter, matrix};
use crate::cluster::EndpointId;
use crate::compile::{Accepts, Cell, ClassId, CompiledPolicy, FAMILIES, RowId, ValueId};
use crate::manifest::FieldPath;
use crate::manifest::document::{Labels, ObjectKey};
use crate::map::Map;
use crate::netset::{Direction, Members, Traffic};
use crate::profile::BaselineReach;
use crate::rulebook::{Namespaces, Policy, PolicyId, Tier};

/// Who is isolated, and how far each one reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// Every endpoint, by namespace and name.
    pub endpoints: Vec<EndpointIsolation>,
    /// Every namespace with an endpoint or a NetworkPolicy, by name.
    pub namespaces: Vec<NamespaceIsolation>,
    /// How many policies of administrators there are.
    pub admin_policies: usize,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointIsolation {
    /// Who.
    pub endpoint: EndpointId,
    /// Its namespace.
    pub namespace: String,
    /// Towards it; endpoints that nothing tells apart share it.
    pub ingress: Arc<DirectionIsolation>,
    /// Away from it.
    pub egress: Arc<DirectionIsolation>,
    /// How many pods it reaches, on any port, itself aside.
    pub reaches: Reach,
    /// How many pods reach it, on any port, itself aside.
    pub reached_by: Reach,
}

/// One direction of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionIsolation {
    /// The NetworkPolicies that isolate it, by name; none if it is not isolated.
    pub policies: Vec<ObjectKey>,
    /// The administrators' policies that speak of it, by tier and rank.
    pub governing: Vec<Governing>,
    /// What this end lets through with anybody in the cluster.
    pub cluster: Cell,
    /// What this end lets through with any address outside.
    pub outside: Cell,
}

/// A policy of an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governing {
    /// `Admin` or `Baseline`.
    pub tier: Tier,
    /// Which.
    pub policy: ObjectKey,
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

/// Whether whatever comes into a namespace is denied what no rule admits, for a direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultDeny {
    /// The NetworkPolicies that select every pod, those to come included.
    pub policies: Vec<ObjectKey>,
    /// The Baseline rules that deny it where no NetworkPolicy isolates, by rank.
    pub baseline: Vec<BaselineDeny>,
    /// How many of the endpoints that are there are isolated, by whatever NetworkPolicy.
    pub isolated: u64,
    /// How many never reach the Baseline policies that speak of them, for a NetworkPolicy selects
    /// them for the other direction (C16).
    pub beyond_baseline: Beyond,
    /// The rules of the Admin tier that accept some flow of some endpoint, by rank: they reach
    /// around whatever denies below.
    pub accepts: Vec<AdminAccept>,
}

impl DefaultDeny {
    /// Whether a default deny holds: with every pod, those to come included.
    pub fn holds(&self) -> bool {
        let with_pods = |deny: &BaselineDeny| match deny.covers {
            Covers::Pods | Covers::Everyone => true,
            Covers::Outside => false,
        };
        !self.policies.is_empty() || self.baseline.iter().any(with_pods)
    }
}

/// A number of endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Under every reading of C16.
    pub certain: u64,
    /// Under some.
    pub depends: u64,
}

/// A rule of the Admin tier that accepts something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminAccept {
    /// Its policy.
    pub policy: ObjectKey,
    /// Where it stands: `spec.ingress[1]`.
    pub path: FieldPath,
    /// Its name, if it has one.
    pub name: String,
    /// Whether it does in some readings only: what it matches is not in the manifests, or another
    /// policy of its priority decides (C28).
    pub depends: bool,
}

/// Who is isolated by what, and the blast radius of each, exact in pods.
pub fn isolation(policy: &CompiledPolicy) -> Isolation {
    let cluster = policy.cluster();
    let (reaches, reached_by) = radius(policy);
    let admin = policy.rulebook().iter().filter(|(_, one)| one.tier != Tier::NetworkPolicy);
    let mut result = Isolation { admin_policies: admin.count(), ..Isolation::default() };
    let mut by_namespace = namespaces(policy);
    let mut directions = Directions::new(policy);
    for (id, endpoint) in cluster.endpoints() {
        let Some(class) = policy.class_of(id) else { continue };
        let name = cluster.namespace(endpoint.namespace).map_or("", |one| one.name.as_str());
        let [ingress, egress] = directions.of(class);
        if let Some(entry) = by_namespace.get_mut(name) {
            entry.endpoints += 1;
            entry.ingress.isolated += u64::from(!ingress.policies.is_empty());
            entry.egress.isolated += u64::from(!egress.policies.is_empty());
        }
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
    if result.admin_policies > 0 {
        tiers(policy, &mut by_namespace);
    }
    result.namespaces = by_namespace.into_values().collect();
    result
}

type ByNamespace = BTreeMap<String, NamespaceIsolation>;

/// Every namespace with an endpoint or a NetworkPolicy, and the default denies of these.
fn namespaces(policy: &CompiledPolicy) -> ByNamespace {
    let cluster = policy.cluster();
    let mut by_namespace = ByNamespace::new();
    let blank = |name: &str| NamespaceIsolation {
        name: name.to_owned(),
        endpoints: 0,
        ingress: DefaultDeny::default(),
        egress: DefaultDeny::default(),
    };
    for (_, endpoint) in cluster.endpoints() {
        let name = cluster.namespace(endpoint.namespace).map_or("", |one| one.name.as_str());
        if !by_namespace.contains_key(name) {
            by_namespace.insert(name.to_owned(), blank(name));
        }
    }
    for (_, own) in policy.rulebook().iter() {
        let Namespaces::Named(name) = &own.subject.namespaces else { continue };
        let entry = by_namespace.entry(name.clone()).or_insert_with(|| blank(name));
        for direction in Direction::ALL {
            if own.subject.pods.is_empty() && own.matches(direction).is_some() {
                entry.deny_mut(direction).policies.push(own.origin.clone());
            }
        }
    }
    by_namespace
}

impl NamespaceIsolation {
    fn deny_mut(&mut self, direction: Direction) -> &mut DefaultDeny {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }
}

/// What the administrators' tiers do for each namespace.
fn tiers(policy: &CompiledPolicy, by_namespace: &mut ByNamespace) {
    let cluster = policy.cluster();
    let baseline: Vec<&Policy> = policy
        .rulebook()
        .iter()
        .map(|(_, one)| one)
        .filter(|one| one.tier == Tier::Baseline)
        .collect();
    let none = Labels::default();
    for (name, entry) in by_namespace.iter_mut() {
        let namespace = cluster.find_namespace(name).and_then(|id| cluster.namespace(id));
        let labels = namespace.map_or(&none, |namespace| &namespace.labels);
        for direction in Direction::ALL {
            let denies = baseline_denies(&baseline, direction, labels);
            entry.deny_mut(direction).baseline = denies;
        }
    }
    let reaches = policy.options().profile.baseline_reach();
    let mut accepts = Accepts::new(policy);
    // By policy and rule: whether it depends.
    type Rules = BTreeMap<(PolicyId, usize), bool>;
    let mut found: BTreeMap<(&str, Direction), Rules> = BTreeMap::new();
    for id in policy.classes().ids() {
        let Some(class) = policy.classes().get(id).filter(|one| !one.endpoints.is_empty()) else {
            continue;
        };
        let Some(namespace) = cluster.namespace(class.key.namespace) else { continue };
        let Some(entry) = by_namespace.get_mut(&namespace.name) else { continue };
        for direction in Direction::ALL {
            let governing = policy.governing(direction, id);
            if policy.is_selected_elsewhere(direction, id)
                && governing.iter().any(|one| one.tier == Tier::Baseline)
            {
                let beyond = &mut entry.deny_mut(direction).beyond_baseline;
                let count = class.endpoints.len() as u64;
                match reaches {
                    [BaselineReach::Pod] => beyond.certain += count,
                    all if all.contains(&BaselineReach::Pod) => beyond.depends += count,
                    _ => {}
                }
            }
            if !governing.iter().any(|one| one.tier == Tier::Admin) {
                continue;
            }
            let rules = found.entry((&namespace.name, direction)).or_default();
            for accept in accepts.of(direction, id).iter() {
                let known = rules.get(&(accept.policy, accept.rule)).copied();
                if known == Some(false) {
                    continue;
                }
                let depends = match (accept.certain.meet(policy, id), known) {
                    (true, _) => false,
                    (false, Some(_)) => true,
                    (false, None) if accept.possible.meet(policy, id) => true,
                    (false, None) => continue,
                };
                rules.insert((accept.policy, accept.rule), depends);
            }
        }
    }
    for ((name, direction), rules) in found {
        let Some(entry) = by_namespace.get_mut(name) else { continue };
        let mut named: Vec<(&Policy, usize, bool)> = rules
            .into_iter()
            .filter_map(|((id, at), depends)| Some((policy.rulebook().get(id)?, at, depends)))
            .collect();
        named.sort_by(|a, b| (a.0.rank, &a.0.origin, a.1).cmp(&(b.0.rank, &b.0.origin, b.1)));
        let named = named.into_iter().map(|(one, at, depends)| AdminAccept {
            policy: one.origin.clone(),
            path: rule_path(direction, at),
            name: one
                .matches(direction)
                .and_then(|rules| rules.get(at))
                .map_or_else(String::new, |rule| rule.name.clone()),
            depends,
        });
        entry.deny_mut(direction).accepts = named.collect();
    }
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

/// What was worked out of classes: the endpoints of one share it, and so do its rows.
struct Directions<'p> {
    policy: &'p CompiledPolicy,
    of_class: Vec<Option<[Arc<DirectionIsolation>; 2]>>,
    of_values: Map<Vec<ValueId>, Cell>,
    of_rows: Map<(Direction, RowId, [bool; 2]), (Cell, Cell)>,
}

impl<'p> Directions<'p> {
    fn new(policy: &'p CompiledPolicy) -> Directions<'p> {
        let of_class = vec![None; policy.classes().len()];
        Directions { policy, of_class, of_values: Map::default(), of_rows: Map::default() }
    }

    /// Towards a class and away from it.
    fn of(&mut self, class: ClassId) -> [Arc<DirectionIsolation>; 2] {
        if let Some(Some(known)) = self.of_class.get(class.0 as usize) {
            return known.clone();
        }
        let both = [Direction::Ingress, Direction::Egress]
            .map(|direction| Arc::new(self.direction_of(direction, class)));
        if let Some(slot) = self.of_class.get_mut(class.0 as usize) {
            *slot = Some(both.clone());
        }
        both
    }

    fn direction_of(&mut self, direction: Direction, class: ClassId) -> DirectionIsolation {
        let policy = self.policy;
        let origin = |id: &PolicyId| Some(policy.rulebook().get(*id)?.origin.clone());
        let mut policies: Vec<ObjectKey> =
            policy.isolating(direction, class).iter().filter_map(origin).collect();
        policies.sort();
        let governing = policy.governing(direction, class).into_iter();
        let governing =
            governing.map(|one| Governing { tier: one.tier, policy: one.origin.clone() }).collect();
        let (cluster, outside) = self.open(direction, class);
        DirectionIsolation { policies, governing, cluster, outside }
    }

    /// What a class lets through with anybody in the cluster, and with any address outside.
    fn open(&mut self, direction: Direction, class: ClassId) -> (Cell, Cell) {
        let policy = self.policy;
        let lacks = FAMILIES.map(|family| policy.classes().lacking(family).contains(class.0));
        let Some(id) = policy.row_id(direction, class) else { return Default::default() };
        if let Some(known) = self.of_rows.get(&(direction, id, lacks)) {
            return known.clone();
        }
        let Some(row) = policy.row_at(direction, id) else { return Default::default() };
        let pieces = row.pieces.iter().map(|(value, _)| *value).collect();
        let there = FAMILIES.into_iter().zip(lacks).filter(|(_, lacks)| !lacks);
        let runs = there.flat_map(|(family, _)| row.runs(family)).map(|(_, _, value)| value);
        let runs = runs.collect();
        let both = (self.any(pieces), self.any(runs));
        self.of_rows.insert((direction, id, lacks), both.clone());
        both
    }

    /// What any of some values lets through.
    fn any(&mut self, mut values: Vec<ValueId>) -> Cell {
        values.sort_unstable();
        values.dedup();
        if let Some(known) = self.of_values.get(&values) {
            return known.clone();
        }
        let cells = values.iter().map(|value| self.policy.values().alone(*value));
        let (allowed, depends) = cells.fold(Default::default(), |all: (Traffic, Traffic), cell| {
            (all.0.union(&cell.allowed), all.1.union(&cell.depends))
        });
        let cell = Cell { depends: depends.difference(&allowed), allowed };
        self.of_values.insert(values, cell.clone());
        cell
    }
}
