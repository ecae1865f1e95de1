//! Documents resolved: namespaces, endpoints, nodes and services, and who is at which address.
//!
//! A [`Cluster`] is kept up to date object by object; [`Cluster::put`] and [`Cluster::remove`]
//! say which endpoints that touched.

mod endpoint;
mod selector;
mod service;
mod symbol;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use endpoint::{Address, Endpoint, EndpointId, NamedPort, Workload};
pub use selector::{Condition, Requirement, Selector};
pub use service::{Backend, ServiceError};
pub use symbol::{Symbol, Symbols};

use crate::manifest::document::{
    Body, Kind, Labels, Namespace, Node, Object, ObjectKey, Pod, PodSpec, Service,
};
use crate::map::Map;
use crate::netset::{Cidr, Family, IntervalSet};

/// The label that every namespace carries with its own name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The index of a namespace; a namespace keeps it for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId(pub u32);

/// A namespace that was read, or that an object names (C22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// `metadata.name`
    pub name: String,
    /// Its labels, the one with its own name included.
    pub labels: Labels,
    /// Whether the object was read; else the labels are assumed.
    pub is_read: bool,
}

/// What a change of one object touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Endpoints that are gone, as they were.
    pub removed: Vec<(EndpointId, Endpoint)>,
    /// Endpoints that are new; a changed one is removed and added.
    pub added: Vec<EndpointId>,
    /// Namespaces whose labels changed.
    pub relabelled: Vec<NamespaceId>,
    /// Whether the range of addresses that pods may have changed (C26).
    pub pod_ranges: bool,
}

/// A node that was read, with its name.
pub type NodeRef<'a> = (&'a str, &'a Node);

/// The endpoints of one namespace by name.
type ByName = Map<Box<str>, Vec<(Kind, EndpointId)>>;

/// The workloads of one namespace that are no endpoints, by name, then by kind, with those that
/// stand for each.
type StandIns = Map<String, Vec<(String, Vec<EndpointId>)>>;

/// Everything but the policies.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    symbols: Symbols,
    objects: BTreeMap<ObjectKey, Object>,
    namespaces: Vec<NamespaceEntry>,
    namespace_ids: Map<String, NamespaceId>,
    endpoints: Vec<Option<Endpoint>>,
    free: Vec<EndpointId>,
    by_name: BTreeMap<(NamespaceId, Box<str>, Kind), EndpointId>,
    by_address: BTreeMap<IpAddr, BTreeSet<EndpointId>>,
    nodes_by_address: BTreeMap<IpAddr, BTreeSet<String>>,
    services_by_address: BTreeMap<IpAddr, BTreeSet<ObjectKey>>,
    completed: BTreeSet<(NamespaceId, String)>,
    /// Of each namespace.
    stand_ins: Vec<StandIns>,
    /// The endpoints of each namespace by name.
    named: Vec<ByName>,
    given_pod_cidrs: Vec<Cidr>,
    pod_ranges: PodRanges,
}

/// The addresses that pods off the host's network may have, where anything says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRanges {
    v4: IntervalSet<u128>,
    v6: IntervalSet<u128>,
}

impl PodRanges {
    fn of<'a>(cidrs: impl Iterator<Item = &'a Cidr>) -> PodRanges {
        let mut ranges: [Vec<(u128, u128)>; 2] = [Vec::new(), Vec::new()];
        for cidr in cidrs {
            let [v4, v6] = &mut ranges;
            let list = match cidr.family() {
                Family::V4 => v4,
                Family::V6 => v6,
            };
            list.push((number(cidr.first()), number(cidr.last())));
        }
        let [v4, v6] = ranges;
        PodRanges { v4: IntervalSet::from_ranges(v4), v6: IntervalSet::from_ranges(v6) }
    }

    /// Whether nothing says which addresses pods have, so that IPv4 is assumed.
    pub fn is_assumed(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The ranges of a family that a pod with an address of that family may be in: all addresses
    /// where nothing narrows them. `false` beside them: it is not even certain that a block over
    /// the whole family covers the pod (C26).
    pub fn of_family(&self, family: Family) -> (IntervalSet<u128>, bool) {
        let (own, other) = match family {
            Family::V4 => (&self.v4, &self.v6),
            Family::V6 => (&self.v6, &self.v4),
        };
        if !own.is_empty() {
            return (own.clone(), true);
        }
        // IPv4 is assumed, unless only IPv6 ranges are known.
        let assumed = family == Family::V4 && other.is_empty();
        (IntervalSet::range(0, last_address(family)), assumed)
    }
}

/// An address as a number within its family.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of a number.
pub(crate) fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
        Family::V6 => IpAddr::V6(number.into()),
    }
}

/// The number of the last address of a family.
pub(crate) fn last_address(family: Family) -> u128 {
    match family {
        Family::V4 => u128::from(u32::MAX),
        Family::V6 => u128::MAX,
    }
}

impl Cluster {
    /// Resolves objects; policies among them are passed over. `pod_cidrs`, where given, are the
    /// addresses of pods; else the `podCIDRs` of the nodes are.
    pub fn resolve(objects: impl IntoIterator<Item = Object>, pod_cidrs: &[Cidr]) -> Cluster {
        let mut cluster = Cluster { given_pod_cidrs: pod_cidrs.to_vec(), ..Cluster::default() };
        for object in objects {
            if !object.key.kind.is_policy() && object.key.kind != Kind::IsolationRule {
                cluster.objects.insert(object.key.clone(), object);
            }
        }
        cluster.pod_ranges = cluster.pod_ranges_now();
        let mut touched = Touched::default();
        let mut namespaces = BTreeSet::new();
        for object in cluster.objects.values() {
            match &object.body {
                Body::Namespace(_) => {
                    namespaces.insert(object.key.name.clone());
                }
                Body::Node(node) => {
                    for address in &node.addresses {
                        let at = cluster.nodes_by_address.entry(*address).or_default();
                        at.insert(object.key.name.clone());
                    }
                }
                Body::Service(service) => {
                    for address in service_addresses(service) {
                        let at = cluster.services_by_address.entry(address).or_default();
                        at.insert(object.key.clone());
                    }
                }
                Body::Pod(_) | Body::Workload(_) => {
                    if !namespaces.contains(&object.key.namespace) {
                        namespaces.insert(object.key.namespace.clone());
                    }
                }
                Body::NetworkPolicy(_) | Body::AdminPolicy(_) | Body::IsolationRule(_) => {}
            }
        }
        for name in &namespaces {
            let id = cluster.namespace_id(name);
            cluster.resolve_namespace(id, &mut touched);
        }
        cluster
    }

    /// Puts and removes objects, policies aside, and resolves each namespace once.
    pub(crate) fn change_all(&mut self, changes: Vec<(ObjectKey, Option<Object>)>) -> Touched {
        let mut touched = Touched::default();
        let mut keys = Vec::with_capacity(changes.len());
        for (key, object) in changes {
            self.note_addresses(&key, false);
            match object {
                Some(object) => self.objects.insert(key.clone(), object),
                None => self.objects.remove(&key),
            };
            self.note_addresses(&key, true);
            keys.push(key);
        }
        self.follow_up(&keys, &mut touched);
        touched
    }

    /// The same cluster, where pods may have addresses of these ranges.
    pub(crate) fn with_pod_ranges(self, pod_ranges: PodRanges) -> Cluster {
        Cluster { pod_ranges, ..self }
    }

    /// Adds an object, or puts it in the place of the one of its kind, namespace and name.
    pub fn put(&mut self, object: Object) -> Touched {
        let mut touched = Touched::default();
        if object.key.kind == Kind::IsolationRule {
            return touched;
        }
        self.note_addresses(&object.key, false);
        let key = object.key.clone();
        self.objects.insert(key.clone(), object);
        self.note_addresses(&key, true);
        self.follow_up(&[key], &mut touched);
        touched
    }

    /// Takes out an object; nothing is touched if it was not there.
    pub fn remove(&mut self, key: &ObjectKey) -> Touched {
        let mut touched = Touched::default();
        if self.objects.contains_key(key) {
            self.note_addresses(key, false);
            self.objects.remove(key);
            self.follow_up(std::slice::from_ref(key), &mut touched);
        }
        touched
    }

    /// An object that was read, policies aside.
    pub fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(key)
    }

    /// Strings by number.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    pub(crate) fn symbols_mut(&mut self) -> &mut Symbols {
        &mut self.symbols
    }

    /// An endpoint that is there.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(id.0 as usize)?.as_ref()
    }

    /// Every endpoint by namespace, name and kind.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Endpoint)> {
        self.by_name.values().filter_map(|&id| Some((id, self.endpoint(id)?)))
    }

    /// One more than the highest endpoint index.
    pub fn endpoint_bound(&self) -> usize {
        self.endpoints.len()
    }

    /// The endpoints of a namespace and name, by kind.
    pub fn endpoints_named<'a>(
        &'a self,
        namespace: NamespaceId,
        name: &str,
    ) -> impl Iterator<Item = (Kind, EndpointId)> + 'a {
        let there = self.named.get(namespace.0 as usize).and_then(|there| there.get(name));
        there.into_iter().flatten().copied()
    }

    /// The workloads of a name that are no endpoints themselves, by kind, with those that stand for
    /// each: its pods, or the template of the workload that owns it.
    pub fn stand_ins(
        &self,
        namespace: NamespaceId,
        name: &str,
    ) -> impl Iterator<Item = (&str, &[EndpointId])> {
        let there = self.stand_ins.get(namespace.0 as usize).and_then(|there| there.get(name));
        there.into_iter().flatten().map(|(kind, ids)| (kind.as_str(), ids.as_slice()))
    }

    /// Whether a pod of this name ended (C20).
    pub fn is_completed(&self, namespace: NamespaceId, name: &str) -> bool {
        self.completed.contains(&(namespace, name.to_owned()))
    }

    /// The number of a namespace that was read or that an object names.
    pub fn find_namespace(&self, name: &str) -> Option<NamespaceId> {
        self.namespace_ids.get(name).copied()
    }

    /// A namespace by number.
    pub fn namespace(&self, id: NamespaceId) -> Option<&NamespaceEntry> {
        self.namespaces.get(id.0 as usize)
    }

    /// Every namespace by number.
    pub fn namespaces(&self) -> impl Iterator<Item = (NamespaceId, &NamespaceEntry)> {
        (0..).map(NamespaceId).zip(&self.namespaces)
    }

    /// A node that was read.
    pub fn node(&self, name: &str) -> Option<&Node> {
        match &self.objects.get(&cluster_key(Kind::Node, name))?.body {
            Body::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Every node that was read, by name.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let from = cluster_key(Kind::Node, "");
        let all = self.objects.range(from..).take_while(|(key, _)| key.kind == Kind::Node);
        all.filter_map(|(key, object)| match &object.body {
            Body::Node(node) => Some((key.name.as_str(), node)),
            _ => None,
        })
    }

    /// Whether any node was read.
    pub fn has_node(&self) -> bool {
        self.nodes().next().is_some()
    }

    /// A service that was read.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        let key = ObjectKey { kind: Kind::Service, namespace: namespace.into(), name: name.into() };
        match &self.objects.get(&key)?.body {
            Body::Service(service) => Some(service),
            _ => None,
        }
    }

    /// The live pods off the host's network at an address; more than one is a contradiction (C27).
    pub fn pods_at(&self, address: IpAddr) -> impl Iterator<Item = EndpointId> {
        self.by_address.get(&address).into_iter().flatten().copied()
    }

    /// The live pods off the host's network at addresses from one to another, by address.
    pub fn pods_between(
        &self,
        first: IpAddr,
        last: IpAddr,
    ) -> impl Iterator<Item = (IpAddr, EndpointId)> {
        self.by_address
            .range(first..=last)
            .flat_map(|(address, ids)| ids.iter().map(|id| (*address, *id)))
    }

    /// The nodes at an address.
    pub fn nodes_at(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.nodes_by_address.get(&address).into_iter().flatten().map(String::as_str)
    }

    /// The nodes' addresses from one to another.
    pub fn nodes_between(
        &self,
        first: IpAddr,
        last: IpAddr,
    ) -> impl Iterator<Item = (IpAddr, &str)> {
        let range = self.nodes_by_address.range(first..=last);
        range.flat_map(|(address, names)| names.iter().map(|name| (*address, name.as_str())))
    }

    /// The services at an address.
    pub fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &ObjectKey> {
        self.services_by_address.get(&address).into_iter().flatten()
    }

    /// Every address of a Service that was read.
    pub fn service_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.services_by_address.keys().copied()
    }

    /// The addresses that pods off the host's network may have.
    pub fn pod_ranges(&self) -> &PodRanges {
        &self.pod_ranges
    }

    /// `NAMESPACE/NAME`, with the kind in front where that would name two endpoints.
    pub fn display(&self, id: EndpointId) -> String {
        let Some(endpoint) = self.endpoint(id) else { return String::new() };
        let namespace = self.namespace(endpoint.namespace).map_or("", |n| n.name.as_str());
        if self.endpoints_named(endpoint.namespace, &endpoint.name).nth(1).is_some() {
            let kind = endpoint.kind.name().to_ascii_lowercase();
            format!("{kind}/{namespace}/{}", endpoint.name)
        } else {
            format!("{namespace}/{}", endpoint.name)
        }
    }

    /// The labels of an endpoint by string, sorted by key.
    pub fn labels_of(&self, endpoint: &Endpoint) -> Vec<(&str, &str)> {
        let text = |symbol| self.symbols.text(symbol);
        let mut labels: Vec<(&str, &str)> =
            endpoint.labels.iter().map(|(key, value)| (text(*key), text(*value))).collect();
        labels.sort_unstable();
        labels
    }

    fn pod_ranges_now(&self) -> PodRanges {
        if !self.given_pod_cidrs.is_empty() {
            return PodRanges::of(self.given_pod_cidrs.iter());
        }
        let nodes = self.of_kind(Kind::Node, "").filter_map(|object| match &object.body {
            Body::Node(node) => Some(&node.pod_cidrs),
            _ => None,
        });
        PodRanges::of(nodes.flatten())
    }

    /// The objects of a kind in a namespace (`""` for kinds that have none).
    pub fn of_kind(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &Object> {
        let from = ObjectKey { kind, namespace: namespace.to_owned(), name: String::new() };
        let namespace = namespace.to_owned();
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// The objects of a kind by namespace and name.
    pub(crate) fn all_of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let from = ObjectKey { kind, namespace: String::new(), name: String::new() };
        let own = self.objects.range(from..).take_while(move |(key, _)| key.kind == kind);
        own.map(|(_, object)| object)
    }

    /// Enters the addresses of a node or service, or strikes them.
    fn note_addresses(&mut self, key: &ObjectKey, enter: bool) {
        match self.objects.get(key).map(|object| &object.body) {
            Some(Body::Node(node)) => {
                for address in &node.addresses {
                    let at = self.nodes_by_address.entry(*address).or_default();
                    if enter {
                        at.insert(key.name.clone())
                    } else {
                        at.remove(&key.name)
                    };
                    if at.is_empty() {
                        self.nodes_by_address.remove(address);
                    }
                }
            }
            Some(Body::Service(service)) => {
                for address in service_addresses(service) {
                    let at = self.services_by_address.entry(address).or_default();
                    if enter {
                        at.insert(key.clone())
                    } else {
                        at.remove(key)
                    };
                    if at.is_empty() {
                        self.services_by_address.remove(&address);
                    }
                }
            }
            _ => {}
        }
    }

    /// Resolves again what objects that came, went or changed may touch.
    fn follow_up(&mut self, keys: &[ObjectKey], touched: &mut Touched) {
        let mut to_resolve: BTreeSet<NamespaceId> = BTreeSet::new();
        let mut nodes: BTreeSet<Symbol> = BTreeSet::new();
        let mut is_node = false;
        for key in keys {
            match key.kind {
                Kind::Service
                | Kind::NetworkPolicy
                | Kind::ClusterNetworkPolicy
                | Kind::AdminNetworkPolicy
                | Kind::BaselineAdminNetworkPolicy
                | Kind::IsolationRule => {}
                Kind::Namespace => {
                    let known = self.namespace_ids.contains_key(&key.name);
                    let id = self.namespace_id(&key.name);
                    let now = self.namespace_entry(&key.name);
                    if let Some(entry) = self.namespaces.get_mut(id.0 as usize) {
                        if !known || entry.labels != now.labels {
                            touched.relabelled.push(id);
                        }
                        *entry = now;
                    }
                }
                Kind::Node => {
                    is_node = true;
                    nodes.extend(self.symbols.get(&key.name));
                }
                Kind::Pod
                | Kind::Deployment
                | Kind::StatefulSet
                | Kind::DaemonSet
                | Kind::ReplicaSet
                | Kind::ReplicationController
                | Kind::Job
                | Kind::CronJob => {
                    to_resolve.insert(self.namespace_id(&key.namespace));
                }
            }
        }
        if is_node {
            let now = self.pod_ranges_now();
            touched.pod_ranges = now != self.pod_ranges;
            self.pod_ranges = now;
        }
        if !nodes.is_empty() {
            let on_them = self.endpoints.iter().flatten().filter(|endpoint| {
                endpoint.host_network && endpoint.node.is_some_and(|node| nodes.contains(&node))
            });
            to_resolve.extend(on_them.map(|endpoint| endpoint.namespace));
        }
        for id in to_resolve {
            self.resolve_namespace(id, touched);
        }
    }

    fn namespace_entry(&self, name: &str) -> NamespaceEntry {
        let read = match self.objects.get(&cluster_key(Kind::Namespace, name)).map(|o| &o.body) {
            Some(Body::Namespace(Namespace { labels })) => Some(labels),
            _ => None,
        };
        let written = read.into_iter().flat_map(Labels::iter);
        NamespaceEntry {
            name: name.to_owned(),
            labels: written.chain([(NAME_LABEL, name)]).collect(),
            is_read: read.is_some(),
        }
    }

    pub(crate) fn namespace_id(&mut self, name: &str) -> NamespaceId {
        if let Some(&id) = self.namespace_ids.get(name) {
            return id;
        }
        let id = NamespaceId(u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX));
        self.namespaces.push(self.namespace_entry(name));
        self.namespace_ids.insert(name.to_owned(), id);
        id
    }

    /// Resolves the pods and workloads of a namespace again and keeps the endpoints that are as
    /// they were.
    fn resolve_namespace(&mut self, id: NamespaceId, touched: &mut Touched) {
        let Some(name) = self.namespace(id).map(|entry| entry.name.clone()) else { return };
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_workload() || *kind == Kind::Pod);
        let roles = workload::roles(kinds.flat_map(|kind| self.of_kind(kind, &name)));

        let mut old: BTreeMap<(Box<str>, Kind), EndpointId> = self
            .by_name
            .range((id, Box::from(""), Kind::Namespace)..)
            .take_while(|((namespace, _, _), _)| *namespace == id)
            .map(|((_, name, kind), endpoint)| ((name.clone(), *kind), *endpoint))
            .collect();
        let mut now = Vec::with_capacity(roles.endpoints.len());
        for ((kind, object_name), workload) in roles.endpoints {
            let key = ObjectKey { kind, namespace: name.clone(), name: object_name };
            if let Some(endpoint) = self.build(id, &key, workload) {
                now.push(endpoint);
            }
        }
        now.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        for endpoint in now {
            match old.remove(&(endpoint.name.clone(), endpoint.kind)) {
                Some(at) if self.endpoint(at) == Some(&endpoint) => {}
                Some(at) => {
                    self.drop_endpoint(at, touched);
                    touched.added.push(self.add_endpoint(endpoint));
                }
                None => touched.added.push(self.add_endpoint(endpoint)),
            }
        }
        for gone in old.into_values() {
            self.drop_endpoint(gone, touched);
        }

        let completed = self.completed.range((id, String::new())..);
        let ended: Vec<_> = completed.take_while(|(ns, _)| *ns == id).cloned().collect();
        for key in ended {
            self.completed.remove(&key);
        }
        self.completed.extend(roles.completed.into_iter().map(|pod| (id, pod)));
        let mut stand_ins = StandIns::default();
        for ((kind, workload), names) in roles.stand_ins {
            let find = |(kind, name): &(Kind, String)| {
                self.by_name.get(&(id, Box::from(name.as_str()), *kind)).copied()
            };
            let mut ids: Vec<EndpointId> = names.iter().filter_map(find).collect();
            ids.sort_unstable();
            stand_ins.entry(workload).or_default().push((kind, ids));
        }
        let place = id.0 as usize;
        if self.stand_ins.len() <= place {
            self.stand_ins.resize_with(place + 1, StandIns::default);
        }
        if let Some(own) = self.stand_ins.get_mut(place) {
            *own = stand_ins;
        }
    }

    fn build(
        &mut self,
        namespace: NamespaceId,
        key: &ObjectKey,
        workload: Option<Workload>,
    ) -> Option<Endpoint> {
        let object = self.objects.get(key)?;
        let (labels, spec) = match &object.body {
            Body::Pod(pod) => (&pod.labels, &pod.spec),
            Body::Workload(workload) => (&workload.template_labels, &workload.template),
            Body::Namespace(_)
            | Body::Node(_)
            | Body::Service(_)
            | Body::NetworkPolicy(_)
            | Body::AdminPolicy(_)
            | Body::IsolationRule(_) => {
                return None;
            }
        };
        let addresses = self.addresses_of(object, spec);
        let symbols = &mut self.symbols;
        let mut by_key: Vec<(Symbol, Symbol)> = labels
            .iter()
            .map(|(key, value)| (symbols.intern(key), symbols.intern(value)))
            .collect();
        by_key.sort_unstable();
        let mut ports: Vec<NamedPort> = spec
            .ports
            .iter()
            .filter_map(|port| {
                let name = symbols.intern(port.name.as_deref()?);
                Some(NamedPort { name, protocol: port.protocol, port: port.port })
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        Some(Endpoint {
            kind: key.kind,
            namespace,
            name: key.name.as_str().into(),
            labels: by_key.into(),
            ports: ports.into(),
            host_network: spec.host_network,
            node: spec.node_name.as_deref().map(|node| symbols.intern(node)),
            addresses,
            workload: workload.map(Box::new),
        })
    }

    /// What is known of the addresses of a pod or template, IPv4 first.
    fn addresses_of(&self, object: &Object, spec: &PodSpec) -> [Address; 2] {
        let pod = match &object.body {
            Body::Pod(pod) => Some(pod),
            _ => None,
        };
        let own = pod.map_or(&[][..], |Pod { addresses, .. }| addresses);
        if !own.is_empty() {
            return first_of_each(own);
        }
        if spec.host_network {
            let node = spec.node_name.as_deref().and_then(|node| self.node(node));
            let node = node.map_or(&[][..], |node| &node.addresses);
            let host = pod.map_or(&[][..], |Pod { host_addresses, .. }| host_addresses);
            if let Some(known) = [node, host].into_iter().find(|known| !known.is_empty()) {
                return first_of_each(known);
            }
        }
        [Address::Unknown; 2]
    }

    fn add_endpoint(&mut self, endpoint: Endpoint) -> EndpointId {
        let id = self.free.pop().unwrap_or_else(|| {
            let id = EndpointId(u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX));
            self.endpoints.push(None);
            id
        });
        let key = (endpoint.namespace, endpoint.name.clone(), endpoint.kind);
        let place = endpoint.namespace.0 as usize;
        if self.named.len() <= place {
            self.named.resize_with(place + 1, Map::default);
        }
        if let Some(there) = self.named.get_mut(place) {
            let same = there.entry(endpoint.name.clone()).or_default();
            same.push((endpoint.kind, id));
            same.sort_unstable();
        }
        self.by_name.insert(key, id);
        if !endpoint.host_network {
            for address in known(&endpoint) {
                self.by_address.entry(address).or_default().insert(id);
            }
        }
        if let Some(slot) = self.endpoints.get_mut(id.0 as usize) {
            *slot = Some(endpoint);
        }
        id
    }

    fn drop_endpoint(&mut self, id: EndpointId, touched: &mut Touched) {
        let Some(endpoint) = self.endpoints.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        if let Some(there) = self.named.get_mut(endpoint.namespace.0 as usize)
            && let Some(same) = there.get_mut(&endpoint.name)
        {
            same.retain(|(_, own)| *own != id);
            if same.is_empty() {
                there.remove(&endpoint.name);
            }
        }
        self.by_name.remove(&(endpoint.namespace, endpoint.name.clone(), endpoint.kind));
        for address in known(&endpoint) {
            if let Some(at) = self.by_address.get_mut(&address) {
                at.remove(&id);
                if at.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
        self.free.push(id);
        touched.removed.push((id, endpoint));
    }
}

/// The key of an object that stands in no namespace.
fn cluster_key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: String::new(), name: name.to_owned() }
}

fn known(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> {
    endpoint.addresses.into_iter().filter_map(|address| match address {
        Address::Known(ip) => Some(ip),
        Address::Absent | Address::Unknown => None,
    })
}

/// The first address of each family, IPv4 first.
fn first_of_each(addresses: &[IpAddr]) -> [Address; 2] {
    [Family::V4, Family::V6].map(|family| {
        let first = addresses.iter().find(|address| Family::of(**address) == family);
        first.map_or(Address::Absent, |address| Address::Known(*address))
    })
}

fn service_addresses(service: &Service) -> impl Iterator<Item = IpAddr> {
    service.cluster_addresses.iter().chain(&service.external_addresses).copied()
}
