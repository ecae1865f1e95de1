//! What the objects say, as far as flows go.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::tiers::AdminPolicy;
use super::{End, Profile};

/// A pod, or a workload that stands for its pods (C23).
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its kind, in lower case.
    pub kind: String,
    /// Whether it is one pod.
    pub is_pod: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its named ports: name, protocol, number.
    pub ports: Vec<(String, String, u16)>,
    /// Whether it is on its node's network.
    pub host_network: bool,
    /// Its node.
    pub node: Option<String>,
    /// Its IPv4 address, if known.
    pub v4: Option<IpAddr>,
    /// Its IPv6 address, if known.
    pub v6: Option<IpAddr>,
}

impl Pod {
    /// Whether the manifests hold no address of it.
    pub fn is_unknown(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }
}

/// A policy, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) namespace: String,
    pub(crate) spec: Value,
}

/// A node that was read.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct World {
    /// Pods and templates.
    pub pods: Vec<Pod>,
    pub(crate) namespaces: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) admin_policies: Vec<AdminPolicy>,
    pub(crate) pod_cidrs: Vec<String>,
    pub(crate) profile: Profile,
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn labels(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = value.pointer(pointer).and_then(Value::as_object);
    let pairs = map.into_iter().flatten();
    pairs.map(|(k, v)| (k.clone(), v.as_str().unwrap_or("").to_owned())).collect()
}

fn list<'v>(value: &'v Value, pointer: &str) -> Vec<&'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().collect()
}

/// The controller of an object: kind and name.
fn owner(object: &Value) -> Option<(String, String)> {
    let all = list(object, "/metadata/ownerReferences");
    let own = all.into_iter().find(|one| one["controller"] == Value::Bool(true))?;
    Some((text(own, "/kind").to_owned(), text(own, "/name").to_owned()))
}

impl World {
    /// Reads objects that an API server accepts.
    pub fn new(objects: &[Value], profile: Profile, pod_cidrs: &[&str]) -> World {
        let mut world = World {
            pods: Vec::new(),
            namespaces: BTreeMap::new(),
            nodes: BTreeMap::new(),
            policies: Vec::new(),
            admin_policies: Vec::new(),
            pod_cidrs: pod_cidrs.iter().map(|cidr| (*cidr).to_owned()).collect(),
            profile,
        };
        let of_kind = |kind: &str| {
            objects.iter().filter(move |o| text(o, "/kind") == kind).collect::<Vec<_>>()
        };
        for object in of_kind("Namespace") {
            let name = text(object, "/metadata/name").to_owned();
            world.namespaces.insert(name, labels(object, "/metadata/labels"));
        }
        for object in of_kind("Node") {
            let name = text(object, "/metadata/name").to_owned();
            let addresses = list(object, "/status/addresses").into_iter();
            let internal = addresses.filter(|one| text(one, "/type") == "InternalIP");
            let ips = internal.filter_map(|one| text(one, "/address").parse().ok());
            let labels = labels(object, "/metadata/labels");
            world.nodes.insert(name, Node { labels, addresses: ips.collect() });
            if pod_cidrs.is_empty() {
                let own = list(object, "/spec/podCIDRs").into_iter().filter_map(Value::as_str);
                world.pod_cidrs.extend(own.map(str::to_owned));
            }
        }
        for object in of_kind("NetworkPolicy") {
            let namespace = text(object, "/metadata/namespace").to_owned();
            world.policies.push(Policy { namespace, spec: object["spec"].clone() });
        }
        world.add_pods(objects);
        let named: Vec<String> = world.pods.iter().map(|pod| pod.namespace.clone()).collect();
        for name in named {
            world.namespaces.entry(name).or_default();
        }
        for (name, labels) in &mut world.namespaces {
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.clone());
        }
        world.add_admin_policies(objects);
        world
    }

    fn add_pods(&mut self, objects: &[Value]) {
        let workloads = [
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "ReplicaSet",
            "ReplicationController",
            "Job",
            "CronJob",
        ];
        let is_workload = |kind: &str| workloads.contains(&kind);
        let find = |namespace: &str, kind: &str, name: &str| {
            objects.iter().find(|o| {
                is_workload(kind)
                    && text(o, "/kind") == kind
                    && text(o, "/metadata/namespace") == namespace
                    && text(o, "/metadata/name") == name
            })
        };
        let mut with_pods: Vec<(String, String, String)> = Vec::new();
        for object in objects.iter().filter(|o| text(o, "/kind") == "Pod") {
            if matches!(text(object, "/status/phase"), "Succeeded" | "Failed") {
                continue;
            }
            let namespace = text(object, "/metadata/namespace");
            let mut next = owner(object);
            let mut steps = 0;
            while let Some((kind, name)) = next.filter(|_| steps < 16) {
                steps += 1;
                with_pods.push((namespace.to_owned(), kind.clone(), name.clone()));
                next = find(namespace, &kind, &name).and_then(owner);
                let hash = text(object, "/metadata/labels/pod-template-hash");
                if kind == "ReplicaSet"
                    && find(namespace, &kind, &name).is_none()
                    && !hash.is_empty()
                    && let Some(deployment) = name.strip_suffix(&format!("-{hash}"))
                {
                    next = Some(("Deployment".to_owned(), deployment.to_owned()));
                }
            }
            let pod = self.pod_of(object, "/metadata/labels", "/spec", object);
            self.pods.push(pod);
        }
        for object in objects.iter().filter(|o| is_workload(text(o, "/kind"))) {
            let (namespace, kind, name) = (
                text(object, "/metadata/namespace"),
                text(object, "/kind"),
                text(object, "/metadata/name"),
            );
            let key = (namespace.to_owned(), kind.to_owned(), name.to_owned());
            let is_owned =
                owner(object).is_some_and(|(kind, name)| find(namespace, &kind, &name).is_some());
            if is_owned || with_pods.contains(&key) {
                continue;
            }
            let template = if kind == "CronJob" {
                "/spec/jobTemplate/spec/template"
            } else {
                "/spec/template"
            };
            let pod = self.pod_of(
                object,
                &format!("{template}/metadata/labels"),
                &format!("{template}/spec"),
                &Value::Null,
            );
            self.pods.push(pod);
        }
    }

    fn pod_of(&self, object: &Value, labels_at: &str, spec_at: &str, status_of: &Value) -> Pod {
        let spec = object.pointer(spec_at).cloned().unwrap_or(Value::Null);
        let sidecars = list(&spec, "/initContainers")
            .into_iter()
            .filter(|one| text(one, "/restartPolicy") == "Always");
        let containers = list(&spec, "/containers").into_iter().chain(sidecars);
        let mut ports = Vec::new();
        for port in containers.flat_map(|one| list(one, "/ports")) {
            let protocol = match text(port, "/protocol") {
                "" => "TCP",
                other => other,
            };
            let number = port["containerPort"].as_u64().unwrap_or(0) as u16;
            ports.push((text(port, "/name").to_owned(), protocol.to_owned(), number));
        }
        let host_network = spec["hostNetwork"] == Value::Bool(true);
        let node = Some(text(&spec, "/nodeName").to_owned()).filter(|node| !node.is_empty());
        let ips = list(status_of, "/status/podIPs").into_iter();
        let mut ips: Vec<IpAddr> = ips.filter_map(|one| text(one, "/ip").parse().ok()).collect();
        if ips.is_empty() {
            ips.extend(text(status_of, "/status/podIP").parse::<IpAddr>());
        }
        if ips.is_empty() && host_network {
            let own = node.as_ref().and_then(|node| self.nodes.get(node));
            ips = own.map(|node| node.addresses.clone()).unwrap_or_default();
            if ips.is_empty() {
                ips.extend(text(status_of, "/status/hostIP").parse::<IpAddr>());
            }
        }
        Pod {
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            kind: text(object, "/kind").to_lowercase(),
            is_pod: text(object, "/kind") == "Pod",
            labels: labels(object, labels_at),
            ports,
            host_network,
            node,
            v4: ips.iter().copied().find(IpAddr::is_ipv4),
            v6: ips.iter().copied().find(IpAddr::is_ipv6),
        }
    }

    /// The node that was read at an address.
    pub(crate) fn node_at(&self, ip: IpAddr) -> Option<&Node> {
        self.nodes.values().find(|node| node.addresses.contains(&ip))
    }

    pub(crate) fn pod(&self, end: &End) -> Option<&Pod> {
        match end {
            End::Pod(at) => self.pods.get(*at),
            End::Node(_) | End::Address(_) => None,
        }
    }

    /// Whether an end has an address of a family, as far as is known (C21).
    pub(crate) fn has_family(&self, end: &End, family: u8) -> bool {
        let of = |ip: &IpAddr| if family == 4 { ip.is_ipv4() } else { ip.is_ipv6() };
        match end {
            End::Pod(_) => self.pod(end).is_some_and(|pod| {
                pod.is_unknown() || if family == 4 { pod.v4.is_some() } else { pod.v6.is_some() }
            }),
            End::Node(name) => {
                let own = self.nodes.get(name).map_or(&[][..], |node| &node.addresses);
                own.is_empty() || own.iter().any(of)
            }
            End::Address(ip) => of(ip),
        }
    }
}
