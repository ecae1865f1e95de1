//! Classes: endpoints that nothing in use tells apart.
//!
//! Told apart are namespaces, the labels under keys that some selector names there, named ports
//! that some rule names, the ranges between the address boundaries of the rules, and the host's
//! network; never a label that no selector asks for, and the node only of a pod on its network where
//! a rule speaks of nodes. A change splits classes
//! and never merges them.

use std::collections::{BTreeMap, BTreeSet};

use super::PortName;
use crate::cluster::{
    Address, Cluster, Condition, Endpoint, EndpointId, NamedPort, NamespaceId, Selector, Symbol,
    address, number,
};
use crate::map::{Map, Set};
use crate::netset::{Family, Members};
use crate::rulebook::Tier;

/// The index of a class; a class keeps it for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// What the endpoints of a class have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClassKey {
    pub(crate) namespace: NamespaceId,
    pub(crate) labels: Box<[(Symbol, Symbol)]>,
    pub(crate) ports: Box<[NamedPort]>,
    pub(crate) host_network: bool,
    /// Of a pod on the host's network its node, where some rule tells nodes apart.
    pub(crate) node: Option<Symbol>,
    pub(crate) atoms: [Atom; 2],
}

/// What the rules can know of an address of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Atom {
    /// There is none.
    Absent,
    /// It is missing from the manifests.
    Unknown,
    /// It lies in the range that starts here, up to the next boundary.
    From(u128),
}

#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    /// In no order.
    pub(crate) endpoints: Vec<EndpointId>,
}

/// Where a label key is in use.
#[derive(Clone, Debug)]
enum Scope {
    Everywhere,
    In(BTreeSet<NamespaceId>),
}

/// Every class, and who is in which.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    list: Vec<Class>,
    ids: Map<ClassKey, ClassId>,
    of_endpoint: Vec<Option<ClassId>>,
    keys: Map<Symbol, Scope>,
    port_names: Set<PortName>,
    /// Those of them that administrators' policies name.
    admin_names: BTreeSet<PortName>,
    boundaries: [BTreeSet<u128>; 2],
    nodes_in_use: bool,
    domain_names_in_use: bool,
    all: Members,
    in_namespace: BTreeMap<NamespaceId, Members>,
    with_key: Map<Symbol, Members>,
    with_label: Map<(Symbol, Symbol), Members>,
    host_network: Members,
    lacking: [Members; 2],
    unknown_pods: [Members; 2],
    unknown_hosts: [Members; 2],
    at: [BTreeMap<u128, Members>; 2],
    with_ports: BTreeMap<PortName, BTreeMap<Vec<u16>, Members>>,
}

/// What came into use.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// Label keys, in one namespace or everywhere.
    pub(crate) keys: BTreeSet<(Symbol, Option<NamespaceId>)>,
    /// Names of ports.
    pub(crate) port_names: BTreeSet<PortName>,
    /// Addresses that differ from the one before.
    pub(crate) boundaries: BTreeSet<(Family, u128)>,
    /// Nodes, which were not told apart before.
    pub(crate) nodes: bool,
}

impl News {
    /// What the news tell of an endpoint: of two that were alike, the same if they still are.
    fn tell(&self, endpoint: &Endpoint, told: &mut Vec<u32>) {
        told.clear();
        for (key, namespace) in &self.keys {
            if namespace.is_none_or(|namespace| namespace == endpoint.namespace) {
                told.push(endpoint.label(*key).map_or(u32::MAX, |value| value.0));
            }
        }
        for name in &self.port_names {
            let same = endpoint.ports.iter();
            let same = same.filter(|port| port.name == name.name && port.protocol == name.protocol);
            told.extend(same.map(|port| u32::from(port.port)));
            told.push(u32::MAX);
        }
        for (family, start) in &self.boundaries {
            // Who has no address, or an unknown one, is told apart already.
            let is_above = match endpoint.address(*family) {
                Address::Known(ip) => number(ip) >= *start,
                Address::Absent | Address::Unknown => false,
            };
            told.push(u32::from(is_above));
        }
    }
}

/// A class that came out of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) from: ClassId,
    pub(crate) new: ClassId,
}

pub(crate) const FAMILIES: [Family; 2] = Family::ALL;

/// What of each family a pair of arrays holds.
pub(crate) fn of<T>(pair: &[T; 2], family: Family) -> &T {
    let [v4, v6] = pair;
    match family {
        Family::V4 => v4,
        Family::V6 => v6,
    }
}

pub(super) fn of_mut<T>(pair: &mut [T; 2], family: Family) -> &mut T {
    let [v4, v6] = pair;
    match family {
        Family::V4 => v4,
        Family::V6 => v6,
    }
}

impl Classes {
    pub(crate) fn new() -> Classes {
        Classes {
            list: Vec::new(),
            ids: Map::default(),
            of_endpoint: Vec::new(),
            keys: Map::default(),
            port_names: Set::default(),
            admin_names: BTreeSet::new(),
            boundaries: [BTreeSet::from([0]), BTreeSet::from([0])],
            nodes_in_use: false,
            domain_names_in_use: false,
            all: Members::empty(),
            in_namespace: BTreeMap::new(),
            with_key: Map::default(),
            with_label: Map::default(),
            host_network: Members::empty(),
            lacking: [Members::empty(), Members::empty()],
            unknown_pods: [Members::empty(), Members::empty()],
            unknown_hosts: [Members::empty(), Members::empty()],
            at: [BTreeMap::new(), BTreeMap::new()],
            with_ports: BTreeMap::new(),
        }
    }

    // What is in use. Before any class is made these only take notes; `split` catches up.

    /// Notes that a selector names a label key, in one namespace or everywhere; says if it is new.
    pub(crate) fn use_key(&mut self, key: Symbol, namespace: Option<NamespaceId>) -> bool {
        match (self.keys.get_mut(&key), namespace) {
            (Some(Scope::Everywhere), _) => false,
            (Some(Scope::In(known)), Some(namespace)) => known.insert(namespace),
            (Some(scope), None) => {
                *scope = Scope::Everywhere;
                true
            }
            (None, Some(namespace)) => {
                self.keys.insert(key, Scope::In(BTreeSet::from([namespace])));
                true
            }
            (None, None) => {
                self.keys.insert(key, Scope::Everywhere);
                true
            }
        }
    }

    /// Notes that a rule of a tier names a port; says if it is new.
    pub(crate) fn use_port(&mut self, name: PortName, tier: Tier) -> bool {
        if tier != Tier::NetworkPolicy {
            self.admin_names.insert(name);
        }
        self.port_names.insert(name)
    }

    /// Notes that a rule tells addresses from here on from those before; says if it is new.
    pub(crate) fn use_boundary(&mut self, family: Family, start: u128) -> bool {
        of_mut(&mut self.boundaries, family).insert(start)
    }

    /// Notes that a rule tells nodes apart; says if that is new.
    pub(crate) fn use_nodes(&mut self) -> bool {
        !std::mem::replace(&mut self.nodes_in_use, true)
    }

    /// Notes that a rule speaks of names, which stand for addresses of no node.
    pub(crate) fn use_domain_names(&mut self) {
        self.domain_names_in_use = true;
    }

    /// Whether some rule tells addresses of nodes from others, or nodes apart.
    pub(crate) fn node_addresses_in_use(&self) -> bool {
        self.nodes_in_use || self.domain_names_in_use
    }

    fn uses_key(&self, key: Symbol, namespace: NamespaceId) -> bool {
        match self.keys.get(&key) {
            Some(Scope::Everywhere) => true,
            Some(Scope::In(namespaces)) => namespaces.contains(&namespace),
            None => false,
        }
    }

    fn key_of(&self, endpoint: &Endpoint) -> ClassKey {
        let namespace = endpoint.namespace;
        let labels = endpoint.labels.iter().copied();
        let ports = endpoint.ports.iter().copied();
        let atom = |family| match endpoint.address(family) {
            Address::Absent => Atom::Absent,
            Address::Unknown => Atom::Unknown,
            Address::Known(ip) => {
                let starts = of(&self.boundaries, family).range(..=number(ip));
                Atom::From(starts.copied().next_back().unwrap_or(0))
            }
        };
        ClassKey {
            namespace,
            labels: labels.filter(|(key, _)| self.uses_key(*key, namespace)).collect(),
            ports: ports
                .filter(|port| {
                    let name = PortName { name: port.name, protocol: port.protocol };
                    self.port_names.contains(&name)
                })
                .collect(),
            host_network: endpoint.host_network,
            node: endpoint.node.filter(|_| endpoint.host_network && self.nodes_in_use),
            atoms: [atom(Family::V4), atom(Family::V6)],
        }
    }

    /// Puts every endpoint of a cluster into its class; for the first time only.
    pub(crate) fn fill(&mut self, cluster: &Cluster) {
        self.of_endpoint = vec![None; cluster.endpoint_bound()];
        for (id, endpoint) in cluster.endpoints() {
            let class = self.enter(id, self.key_of(endpoint));
            debug_assert!((class.0 as usize) < self.list.len());
        }
        let everyone: Vec<ClassId> = self.ids().collect();
        self.index(&everyone);
    }

    /// Puts an endpoint into its class, which may be new and not yet indexed.
    fn enter(&mut self, id: EndpointId, key: ClassKey) -> ClassId {
        let class = match self.ids.get(&key) {
            Some(&known) => known,
            None => {
                let new = ClassId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
                self.ids.insert(key.clone(), new);
                self.list.push(Class { key, endpoints: Vec::new() });
                new
            }
        };
        if let Some(class) = self.list.get_mut(class.0 as usize) {
            class.endpoints.push(id);
        }
        if self.of_endpoint.len() <= id.0 as usize {
            self.of_endpoint.resize(id.0 as usize + 1, None);
        }
        if let Some(slot) = self.of_endpoint.get_mut(id.0 as usize) {
            *slot = Some(class);
        }
        class
    }

    /// Puts a new endpoint into its class; says whether the class is new, too.
    pub(crate) fn add(&mut self, id: EndpointId, endpoint: &Endpoint) -> Option<ClassId> {
        let before = self.list.len();
        let class = self.enter(id, self.key_of(endpoint));
        (self.list.len() > before).then(|| {
            self.index(&[class]);
            class
        })
    }

    /// Takes an endpoint out of its class, which stays though empty.
    pub(crate) fn remove(&mut self, id: EndpointId) {
        let Some(class) = self.of_endpoint.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        if let Some(class) = self.list.get_mut(class.0 as usize)
            && let Some(at) = class.endpoints.iter().position(|own| *own == id)
        {
            class.endpoints.swap_remove(at);
        }
    }

    /// Divides classes by what came into use since they were made.
    ///
    /// The largest part keeps the class. The new classes are indexed under their own keys; who
    /// held the old class in a set must take up the new ones.
    pub(crate) fn split(
        &mut self,
        cluster: &Cluster,
        news: &News,
        candidates: BTreeSet<ClassId>,
    ) -> Vec<Split> {
        let mut told = Vec::new();
        let mut splits = Vec::new();
        let mut changed = Vec::new();
        for class in candidates {
            let Some(members) = self.list.get(class.0 as usize).map(|c| c.endpoints.clone()) else {
                continue;
            };
            // What is told apart already is the same for all of a class: only what is new is looked
            // at, and the whole key worked out once for each part.
            let mut parts: Vec<(ClassKey, Vec<EndpointId>)> = Vec::new();
            let mut part_of: Map<Vec<u32>, usize> = Map::default();
            let (mut last, mut last_told) = (usize::MAX, Vec::new());
            for id in members {
                let Some(endpoint) = cluster.endpoint(id) else { continue };
                news.tell(endpoint, &mut told);
                if last == usize::MAX || told != last_told {
                    last = *part_of.entry(told.clone()).or_insert_with(|| {
                        parts.push((self.key_of(endpoint), Vec::new()));
                        parts.len() - 1
                    });
                    last_told.clone_from(&told);
                }
                if let Some((_, part)) = parts.get_mut(last) {
                    part.push(id);
                }
            }
            parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.len()));
            let mut parts = parts.into_iter();
            let Some((key, kept)) = parts.next() else { continue };
            if let Some(own) = self.list.get_mut(class.0 as usize) {
                if own.key != key {
                    self.ids.remove(&own.key);
                    self.ids.insert(key.clone(), class);
                    unindex_atoms(&mut self.at, class, &own.key, &key);
                    own.key = key;
                    changed.push(class);
                }
                own.endpoints = kept;
            }
            for (key, part) in parts {
                let mut new = class;
                for id in part {
                    new = self.enter(id, key.clone());
                }
                splits.push(Split { from: class, new });
                changed.push(new);
            }
        }
        self.index(&changed);
        splits
    }

    /// The classes that a newly used label key, port name or boundary may divide.
    pub(crate) fn candidates(&self, cluster: &Cluster, news: &News) -> BTreeSet<ClassId> {
        let mut found = BTreeSet::new();
        if !news.keys.is_empty() || !news.port_names.is_empty() {
            let told_apart = |endpoint: &Endpoint| {
                let namespace = endpoint.namespace;
                endpoint.labels.iter().any(|(key, _)| {
                    news.keys.contains(&(*key, None))
                        || news.keys.contains(&(*key, Some(namespace)))
                }) || endpoint.ports.iter().any(|port| {
                    news.port_names.contains(&PortName { name: port.name, protocol: port.protocol })
                })
            };
            for (class, id) in (0..).map(ClassId).zip(&self.list) {
                let mut members = id.endpoints.iter().filter_map(|id| cluster.endpoint(*id));
                if members.any(told_apart) {
                    found.insert(class);
                }
            }
        }
        for (family, start) in &news.boundaries {
            let around = of(&self.at, *family).range(..=*start).next_back();
            found.extend(around.into_iter().flat_map(|(_, members)| members.iter()).map(ClassId));
        }
        found
    }

    /// Enters classes into every index, under their keys.
    fn index(&mut self, new: &[ClassId]) {
        let mut in_namespace: BTreeMap<NamespaceId, Vec<u32>> = BTreeMap::new();
        let mut with_key: BTreeMap<Symbol, Vec<u32>> = BTreeMap::new();
        let mut with_label: BTreeMap<(Symbol, Symbol), Vec<u32>> = BTreeMap::new();
        let mut with_ports: BTreeMap<PortName, BTreeMap<Vec<u16>, Vec<u32>>> = BTreeMap::new();
        let mut host_network = Vec::new();
        let mut lacking: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
        let mut unknown_pods: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
        let mut unknown_hosts: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
        let mut at: [BTreeMap<u128, Vec<u32>>; 2] = [BTreeMap::new(), BTreeMap::new()];
        for &ClassId(id) in new {
            let Some(Class { key, .. }) = self.list.get(id as usize) else { continue };
            in_namespace.entry(key.namespace).or_default().push(id);
            for label in &key.labels {
                with_key.entry(label.0).or_default().push(id);
                with_label.entry(*label).or_default().push(id);
            }
            let mut numbers: BTreeMap<PortName, Vec<u16>> = BTreeMap::new();
            for port in &key.ports {
                let name = PortName { name: port.name, protocol: port.protocol };
                numbers.entry(name).or_default().push(port.port);
            }
            for (name, numbers) in numbers {
                with_ports.entry(name).or_default().entry(numbers).or_default().push(id);
            }
            if key.host_network {
                host_network.push(id);
            }
            for family in FAMILIES {
                match of(&key.atoms, family) {
                    Atom::Absent => of_mut(&mut lacking, family).push(id),
                    Atom::Unknown if key.host_network => {
                        of_mut(&mut unknown_hosts, family).push(id)
                    }
                    Atom::Unknown => of_mut(&mut unknown_pods, family).push(id),
                    Atom::From(start) => {
                        of_mut(&mut at, family).entry(*start).or_default().push(id);
                    }
                }
            }
        }
        let ids = || new.iter().map(|class| class.0);
        add_to(&mut self.all, ids());
        for (namespace, ids) in in_namespace {
            add_to(self.in_namespace.entry(namespace).or_insert_with(Members::empty), ids);
        }
        for (key, ids) in with_key {
            add_to(self.with_key.entry(key).or_insert_with(Members::empty), ids);
        }
        for (label, ids) in with_label {
            add_to(self.with_label.entry(label).or_insert_with(Members::empty), ids);
        }
        for (name, by_numbers) in with_ports {
            let own = self.with_ports.entry(name).or_default();
            for (numbers, ids) in by_numbers {
                add_to(own.entry(numbers).or_insert_with(Members::empty), ids);
            }
        }
        add_to(&mut self.host_network, host_network);
        let pairs = [
            (&mut self.lacking, lacking),
            (&mut self.unknown_pods, unknown_pods),
            (&mut self.unknown_hosts, unknown_hosts),
        ];
        for (own, new) in pairs {
            for (own, new) in own.iter_mut().zip(new) {
                add_to(own, new);
            }
        }
        for (own, new) in self.at.iter_mut().zip(at) {
            for (start, ids) in new {
                add_to(own.entry(start).or_insert_with(Members::empty), ids);
            }
        }
    }

    // Questions.

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ClassId> + use<> {
        (0..u32::try_from(self.list.len()).unwrap_or(u32::MAX)).map(ClassId)
    }

    pub(crate) fn get(&self, id: ClassId) -> Option<&Class> {
        self.list.get(id.0 as usize)
    }

    pub(crate) fn class_of(&self, id: EndpointId) -> Option<ClassId> {
        self.of_endpoint.get(id.0 as usize).copied().flatten()
    }

    pub(crate) fn all(&self) -> &Members {
        &self.all
    }

    pub(crate) fn host_network(&self) -> &Members {
        &self.host_network
    }

    /// Classes without an address of the family.
    pub(crate) fn lacking(&self, family: Family) -> &Members {
        of(&self.lacking, family)
    }

    /// Classes off the host's network whose address of the family is not known.
    pub(crate) fn unknown_pods(&self, family: Family) -> &Members {
        of(&self.unknown_pods, family)
    }

    /// Classes on the host's network whose address of the family is not known.
    pub(crate) fn unknown_hosts(&self, family: Family) -> &Members {
        of(&self.unknown_hosts, family)
    }

    /// For each set of numbers that a port name has somewhere: the classes where it has them.
    pub(crate) fn with_port(&self, name: PortName) -> impl Iterator<Item = (&[u16], &Members)> {
        let by_numbers = self.with_ports.get(&name).into_iter().flatten();
        by_numbers.map(|(numbers, members)| (numbers.as_slice(), members))
    }

    /// The names of ports that administrators' policies name and that have several numbers
    /// somewhere, sorted. A Deny by such a name at one end and an Accept at the other hang on one
    /// fact (C11).
    pub(crate) fn ambiguous_names(&self) -> Vec<PortName> {
        let has_several =
            |name: &&PortName| self.with_port(**name).any(|(numbers, _)| numbers.len() > 1);
        self.admin_names.iter().filter(has_several).copied().collect()
    }

    /// An endpoint as the rules see those of a class.
    pub(crate) fn representative(&self, id: ClassId) -> Option<Endpoint> {
        let ClassKey { namespace, labels, ports, host_network, node, atoms } = &self.get(id)?.key;
        let addresses = FAMILIES.map(|family| match of(atoms, family) {
            Atom::Absent => Address::Absent,
            Atom::Unknown => Address::Unknown,
            Atom::From(start) => Address::Known(address(family, *start)),
        });
        Some(Endpoint {
            namespace: *namespace,
            labels: labels.clone(),
            host_network: *host_network,
            node: *node,
            addresses,
            ..Endpoint::bare(ports.clone())
        })
    }

    /// The classes with a known address from one to another.
    pub(crate) fn between(&self, family: Family, first: u128, last: u128) -> Members {
        Members::union_all(of(&self.at, family).range(first..=last).map(|(_, members)| members))
    }

    /// The classes of a namespace that a selector matches.
    pub(crate) fn selected_in(
        &self,
        cluster: &Cluster,
        namespace: NamespaceId,
        selector: &Selector,
    ) -> Members {
        match self.in_namespace.get(&namespace) {
            Some(members) => self.selected(cluster, members, selector),
            None => Members::empty(),
        }
    }

    /// The classes among some that a selector matches; its keys are in use there.
    pub(crate) fn selected(
        &self,
        cluster: &Cluster,
        among: &Members,
        selector: &Selector,
    ) -> Members {
        let mut left = among.clone();
        for requirement in selector.requirements() {
            let key = cluster.symbols().get(&requirement.key);
            let labelled = |values: &[String]| {
                let pairs = values.iter().filter_map(|value| {
                    self.with_label.get(&(key?, cluster.symbols().get(value)?))
                });
                Members::union_all(pairs)
            };
            let with_key = key.and_then(|key| self.with_key.get(&key));
            left = match (&requirement.condition, with_key) {
                (Condition::In(values), _) => left.intersection(&labelled(values)),
                (Condition::NotIn(values), _) => left.difference(&labelled(values)),
                (Condition::Exists, Some(with_key)) => left.intersection(with_key),
                (Condition::Exists, None) => Members::empty(),
                (Condition::DoesNotExist, Some(with_key)) => left.difference(with_key),
                (Condition::DoesNotExist, None) => left,
            };
            if left.is_empty() {
                break;
            }
        }
        left
    }

    /// The classes of a namespace.
    pub(crate) fn in_namespace(&self, namespace: NamespaceId) -> Option<&Members> {
        self.in_namespace.get(&namespace)
    }
}

fn add_to(set: &mut Members, ids: impl IntoIterator<Item = u32>) {
    let new: Members = ids.into_iter().collect();
    if !new.is_empty() {
        *set = set.union(&new);
    }
}

/// Strikes a class from the atoms that it left.
fn unindex_atoms(
    at: &mut [BTreeMap<u128, Members>; 2],
    class: ClassId,
    old: &ClassKey,
    new: &ClassKey,
) {
    for family in FAMILIES {
        if let (Atom::From(start), false) =
            (of(&old.atoms, family), of(&old.atoms, family) == of(&new.atoms, family))
            && let Some(members) = of_mut(at, family).get_mut(start)
        {
            *members = members.without(class.0);
        }
    }
}
