//! The tiers of administrators: what one tier may do with a flow at one end, in one family, under
//! one reading.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::Pod;
use super::rules::{Half, items, selects, within};
use super::{End, World};

/// A policy of an administrator. Whom its selectors mean is worked out when it is read.
#[derive(Clone, Debug)]
pub(crate) struct AdminPolicy {
    /// `Admin` or `Baseline`
    pub(crate) tier: &'static str,
    /// 1 for v1alpha1, 2 for v1alpha2
    version: u8,
    priority: u64,
    subjects: BTreeSet<usize>,
    ingress: Vec<Rule>,
    pub(crate) egress: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    action: Action,
    /// None where one of them is of an unknown kind or cannot be evaluated.
    pub(crate) peers: Option<Vec<Peer>>,
    /// None is every port.
    ports: Option<Vec<Port>>,
}

/// What a tier does; where nothing in it matches, it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Accept,
    Deny,
    Pass,
}

#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// Pods by their index, none of them on the host's network (C13).
    Pods(BTreeSet<usize>),
    /// Blocks.
    Networks(Vec<String>),
    /// Nodes by a selector.
    Nodes(Value),
    /// Names, in lower case and without a dot at the end.
    Names(Vec<String>),
}

#[derive(Clone, Debug)]
enum Port {
    /// Protocol, first and last.
    Range(String, u64, u64),
    Named(String),
}

impl World {
    /// Reads the policies of administrators; all pods, namespaces and nodes are read.
    pub(crate) fn add_admin_policies(&mut self, objects: &[Value]) {
        for object in objects {
            let spec = &object["spec"];
            let (tier, version) = match (object["kind"].as_str(), spec["tier"].as_str()) {
                (Some("ClusterNetworkPolicy"), Some("Admin")) => ("Admin", 2),
                (Some("ClusterNetworkPolicy"), _) => ("Baseline", 2),
                (Some("AdminNetworkPolicy"), _) => ("Admin", 1),
                (Some("BaselineAdminNetworkPolicy"), _) => ("Baseline", 1),
                _ => continue,
            };
            let rules = |direction: &str| {
                let all = items(&spec[direction]).iter();
                all.map(|rule| self.rule(rule, direction, tier, version)).collect()
            };
            let policy = AdminPolicy {
                tier,
                version,
                priority: spec["priority"].as_u64().unwrap_or(0),
                subjects: self.pods_of(&spec["subject"]),
                ingress: rules("ingress"),
                egress: rules("egress"),
            };
            self.admin_policies.push(policy);
        }
    }

    /// Whom `namespaces` or `pods` mean: never pods on the host's network (C13). A missing selector
    /// in `pods` is `{}`.
    fn pods_of(&self, what: &Value) -> BTreeSet<usize> {
        let (namespaces, pods) = match &what["namespaces"] {
            Value::Null => (&what["pods"]["namespaceSelector"], &what["pods"]["podSelector"]),
            namespaces => (namespaces, &Value::Null),
        };
        let is_meant = |pod: &Pod| {
            !pod.host_network
                && self.namespace_has(&pod.namespace, namespaces)
                && selects(pods, &pod.labels)
        };
        (0..self.pods.len()).filter(|at| is_meant(&self.pods[*at])).collect()
    }

    fn rule(&self, rule: &Value, direction: &str, tier: &str, version: u8) -> Rule {
        let kinds: &[&str] = match (direction, tier, version) {
            ("ingress", ..) => &["namespaces", "pods"],
            (_, "Baseline", 1) => &["namespaces", "pods", "nodes", "networks"],
            _ => &["namespaces", "pods", "nodes", "networks", "domainNames"],
        };
        let peers = items(&rule[if direction == "ingress" { "from" } else { "to" }]);
        let peer = |peer: &Value| {
            let is_known = kinds.iter().any(|kind| !peer[*kind].is_null());
            (is_known && can_be_evaluated(peer)).then(|| self.peer(peer))
        };
        Rule {
            action: match rule["action"].as_str() {
                Some("Accept" | "Allow") => Action::Accept,
                Some("Deny") => Action::Deny,
                _ => Action::Pass,
            },
            peers: peers.iter().map(peer).collect(),
            ports: match version {
                1 => rule["ports"].as_array().map(|all| all.iter().map(port).collect()),
                _ => rule["protocols"].as_array().map(|all| all.iter().map(protocol).collect()),
            },
        }
    }

    fn peer(&self, peer: &Value) -> Peer {
        let texts = |list: &Value| {
            items(list).iter().map(|text| text.as_str().unwrap_or("").to_owned()).collect()
        };
        if !peer["networks"].is_null() {
            Peer::Networks(texts(&peer["networks"]))
        } else if !peer["nodes"].is_null() {
            Peer::Nodes(peer["nodes"].clone())
        } else if !peer["domainNames"].is_null() {
            let names: Vec<String> = texts(&peer["domainNames"]);
            // Neither case nor a dot at the end counts.
            let name = |name: &String| name.trim_end_matches('.').to_lowercase();
            Peer::Names(names.iter().map(name).collect())
        } else {
            Peer::Pods(self.pods_of(peer))
        }
    }
}

/// An item of `ports` of v1alpha1.
fn port(own: &Value) -> Port {
    let protocol = |of: &Value| of["protocol"].as_str().unwrap_or("TCP").to_owned();
    let number = |of: &Value| of.as_u64().unwrap_or(0);
    let (one, range) = (&own["portNumber"], &own["portRange"]);
    if !one.is_null() {
        Port::Range(protocol(one), number(&one["port"]), number(&one["port"]))
    } else if !range.is_null() {
        Port::Range(protocol(range), number(&range["start"]), number(&range["end"]))
    } else {
        Port::Named(own["namedPort"].as_str().unwrap_or("").to_owned())
    }
}

/// An item of `protocols` of v1alpha2.
fn protocol(own: &Value) -> Port {
    if let Some(name) = own["destinationNamedPort"].as_str() {
        return Port::Named(name.to_owned());
    }
    let there = ["tcp", "udp", "sctp"].into_iter().find(|protocol| !own[*protocol].is_null());
    let there = there.unwrap_or("");
    let port = &own[there]["destinationPort"];
    let number = |of: &Value| of.as_u64().unwrap_or(0);
    let (first, last) = match &port["number"] {
        Value::Null => (&port["range"]["start"], &port["range"]["end"]),
        one => (one, one),
    };
    Port::Range(there.to_uppercase(), number(first), number(last))
}

/// Whether every selector of a peer can be evaluated: `In` and `NotIn` need values, the others have
/// none.
fn can_be_evaluated(peer: &Value) -> bool {
    let pods = &peer["pods"];
    let selectors =
        [&peer["namespaces"], &peer["nodes"], &pods["namespaceSelector"], &pods["podSelector"]];
    selectors.into_iter().all(|selector| {
        items(&selector["matchExpressions"]).iter().all(|own| {
            let has_values = !items(&own["values"]).is_empty();
            matches!(own["operator"].as_str(), Some("In" | "NotIn")) == has_values
        })
    })
}

impl Half<'_> {
    /// What a tier may do with the flow: several things where policies are alternatives (C28).
    pub(crate) fn tier(&self, tier: &str) -> BTreeSet<Action> {
        let End::Pod(subject) = self.subject else { return BTreeSet::from([Action::Pass]) };
        let mut alternatives = BTreeSet::new();
        // No text orders policies of one version against those of the other.
        for version in [1, 2] {
            let mut by_priority: BTreeMap<u64, Vec<&AdminPolicy>> = BTreeMap::new();
            for policy in &self.world.admin_policies {
                if policy.tier == tier
                    && policy.version == version
                    && policy.subjects.contains(subject)
                {
                    by_priority.entry(policy.priority).or_default().push(policy);
                }
            }
            for equal in by_priority.values() {
                let matching: BTreeSet<Action> =
                    equal.iter().filter_map(|policy| self.first_match(policy)).collect();
                if !matching.is_empty() {
                    alternatives.extend(matching);
                    break;
                }
            }
        }
        if alternatives.is_empty() {
            alternatives.insert(Action::Pass);
        }
        alternatives
    }

    /// What the first rule of a policy that matches does.
    fn first_match(&self, policy: &AdminPolicy) -> Option<Action> {
        let rules = if self.direction == "ingress" { &policy.ingress } else { &policy.egress };
        rules.iter().find_map(|rule| self.matches(rule))
    }

    /// What a rule does, if it matches.
    fn matches(&self, rule: &Rule) -> Option<Action> {
        let Some(peers) = &rule.peers else {
            // It fails closed.
            return match rule.action {
                Action::Accept => None,
                Action::Deny | Action::Pass => Some(Action::Deny),
            };
        };
        let on_port = match &rule.ports {
            None => true,
            Some(ports) => ports.iter().any(|port| match port {
                Port::Range(protocol, first, last) => {
                    protocol == self.protocol && (*first..=*last).contains(&u64::from(self.port))
                }
                Port::Named(name) => self.has_name(name),
            }),
        };
        (on_port && peers.iter().any(|peer| self.is_peer(peer))).then_some(rule.action)
    }

    /// A name is one of a pod's ports, under any protocol; to these tiers a pod on the host's
    /// network is its node, which has none.
    fn has_name(&self, name: &str) -> bool {
        let pod = self.world.pod(self.destination());
        pod.is_some_and(|pod| !pod.host_network) && self.is_named_so(name)
    }

    fn is_peer(&self, peer: &Peer) -> bool {
        match (peer, self.peer) {
            (Peer::Pods(pods), End::Pod(at)) => pods.contains(at),
            (Peer::Pods(_), _) => false,
            (Peer::Networks(blocks), _) => {
                self.peer_address().is_some_and(|ip| blocks.iter().any(|block| within(ip, block)))
            }
            (Peer::Nodes(selector), _) => {
                self.peer_node().is_some_and(|labels| selects(selector, labels))
            }
            // The reading has names only of an address outside.
            (Peer::Names(names), _) => names.iter().any(|name| self.reading.names.contains(name)),
        }
    }

    /// The labels of the node that the other end is, or on whose network it is.
    fn peer_node(&self) -> Option<&BTreeMap<String, String>> {
        let world = self.world;
        let read = match self.peer {
            End::Node(name) => world.nodes.get(name),
            End::Address(ip) => world.node_at(*ip),
            End::Pod(_) => {
                let pod = world.pod(self.peer).filter(|pod| pod.host_network);
                pod.and_then(|pod| world.nodes.get(pod.node.as_ref()?))
            }
        };
        // The reading has labels only of what may be a node that was not read.
        read.map(|node| &node.labels).or(self.reading.node.as_ref())
    }
}
