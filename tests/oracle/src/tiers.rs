//! The tiers of administrators: what one tier may do with a flow at one end, in one family, under
//! one reading.

use std::collections::BTreeSet;

use serde_json::Value;

use super::objects::{AdminPolicy, Node, Pod};
use super::rules::{Half, items, selects, within};
use super::{End, World};

/// What a tier does; where nothing in it matches, it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Accept,
    Deny,
    Pass,
}

impl Half<'_> {
    /// What a tier may do with the flow, the subject being a pod: several things where policies are
    /// alternatives (C28).
    pub(crate) fn tier(&self, tier: &str, pod: &Pod) -> BTreeSet<Action> {
        // Pods on the host's network are never subjects (C13).
        if pod.host_network {
            return BTreeSet::from([Action::Pass]);
        }
        let mut alternatives = BTreeSet::new();
        // No text orders policies of one version against those of the other.
        for version in [1, 2] {
            let policies: Vec<&AdminPolicy> = self
                .world
                .admin_policies
                .iter()
                .filter(|policy| policy.tier == tier && policy.version == version)
                .filter(|policy| self.is_subject(&policy.spec["subject"], pod))
                .collect();
            let mut priorities: Vec<u64> = policies.iter().map(|policy| policy.priority).collect();
            priorities.sort_unstable();
            for priority in priorities {
                let equal = policies.iter().filter(|policy| policy.priority == priority);
                let matching: BTreeSet<Action> =
                    equal.filter_map(|policy| self.first_match(policy)).collect();
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

    fn is_subject(&self, subject: &Value, pod: &Pod) -> bool {
        match (&subject["namespaces"], &subject["pods"]) {
            (Value::Null, pods) => self.are_pods(pods, pod),
            (namespaces, _) => self.world.namespace_has(&pod.namespace, namespaces),
        }
    }

    /// `namespaceSelector` and `podSelector`; a missing one is `{}`.
    fn are_pods(&self, pods: &Value, pod: &Pod) -> bool {
        self.world.namespace_has(&pod.namespace, &pods["namespaceSelector"])
            && selects(&pods["podSelector"], &pod.labels)
    }

    /// What the first rule of a policy that matches does.
    fn first_match(&self, policy: &AdminPolicy) -> Option<Action> {
        items(&policy.spec[self.direction]).iter().find_map(|rule| self.matches(rule, policy))
    }

    /// What a rule does, if it matches.
    fn matches(&self, rule: &Value, policy: &AdminPolicy) -> Option<Action> {
        let action = match rule["action"].as_str() {
            Some("Accept" | "Allow") => Action::Accept,
            Some("Deny") => Action::Deny,
            _ => Action::Pass,
        };
        let peers = items(&rule[if self.direction == "ingress" { "from" } else { "to" }]);
        let kinds: &[&str] = match (self.direction, policy.tier.as_str(), policy.version) {
            ("ingress", ..) => &["namespaces", "pods"],
            (_, "Baseline", 1) => &["namespaces", "pods", "nodes", "networks"],
            _ => &["namespaces", "pods", "nodes", "networks", "domainNames"],
        };
        let is_known = |peer: &Value| kinds.iter().any(|kind| !peer[*kind].is_null());
        if !peers.iter().all(|peer| is_known(peer) && can_be_evaluated(peer)) {
            // It fails closed.
            return match action {
                Action::Accept => None,
                Action::Deny | Action::Pass => Some(Action::Deny),
            };
        }
        let on_port = match policy.version {
            1 => rule["ports"].is_null() || self.on_port(&rule["ports"]),
            _ => rule["protocols"].is_null() || self.on_protocol(&rule["protocols"]),
        };
        (on_port && peers.iter().any(|peer| self.is_peer(peer))).then_some(action)
    }

    /// `ports` of v1alpha1
    fn on_port(&self, ports: &Value) -> bool {
        items(ports).iter().any(|own| {
            let is_protocol =
                |own: &Value| own["protocol"].as_str().unwrap_or("TCP") == self.protocol;
            let (number, range) = (&own["portNumber"], &own["portRange"]);
            if !number.is_null() {
                is_protocol(number) && number["port"] == self.port
            } else if !range.is_null() {
                is_protocol(range) && self.is_between(&range["start"], &range["end"])
            } else {
                self.has_name(&own["namedPort"])
            }
        })
    }

    /// `protocols` of v1alpha2
    fn on_protocol(&self, protocols: &Value) -> bool {
        items(protocols).iter().any(|own| {
            if !own["destinationNamedPort"].is_null() {
                return self.has_name(&own["destinationNamedPort"]);
            }
            let port = &own[self.protocol.to_lowercase()]["destinationPort"];
            port["number"] == self.port
                || self.is_between(&port["range"]["start"], &port["range"]["end"])
        })
    }

    fn is_between(&self, start: &Value, end: &Value) -> bool {
        let port = u64::from(self.port);
        start.as_u64().is_some_and(|start| start <= port)
            && end.as_u64().is_some_and(|end| port <= end)
    }

    /// A name is one of a pod's ports, under any protocol; to these tiers a pod on the host's
    /// network is its node.
    fn has_name(&self, name: &Value) -> bool {
        let pod = self.world.pod(self.destination());
        pod.is_some_and(|pod| !pod.host_network)
            && name.as_str().is_some_and(|name| self.is_named_so(name))
    }

    fn is_peer(&self, peer: &Value) -> bool {
        let pod = self.world.pod(self.peer).filter(|pod| !pod.host_network);
        if !peer["namespaces"].is_null() {
            return pod
                .is_some_and(|pod| self.world.namespace_has(&pod.namespace, &peer["namespaces"]));
        }
        if !peer["pods"].is_null() {
            return pod.is_some_and(|pod| self.are_pods(&peer["pods"], pod));
        }
        if !peer["networks"].is_null() {
            let ip = self.peer_address();
            let blocks = items(&peer["networks"]).iter().filter_map(Value::as_str);
            return ip.is_some_and(|ip| blocks.into_iter().any(|block| within(ip, block)));
        }
        if !peer["nodes"].is_null() {
            return self.node_has(&peer["nodes"]);
        }
        let mut names = items(&peer["domainNames"]).iter();
        names.any(|name| self.reading.names.contains(&domain_name(name)))
    }

    /// Whether the other end is a node with such labels.
    fn node_has(&self, selector: &Value) -> bool {
        let world: &World = self.world;
        let read: Option<&Node> = match self.peer {
            End::Node(name) => world.nodes.get(name),
            End::Address(ip) => world.node_at(*ip),
            End::Pod(_) => {
                let pod = world.pod(self.peer).filter(|pod| pod.host_network);
                pod.and_then(|pod| world.nodes.get(pod.node.as_ref()?))
            }
        };
        // The reading has labels only of what may be a node that was not read.
        let labels = read.map(|node| &node.labels).or(self.reading.node.as_ref());
        labels.is_some_and(|labels| selects(selector, labels))
    }
}

/// A name as it counts: case and a dot at the end do not.
pub(crate) fn domain_name(name: &Value) -> String {
    name.as_str().unwrap_or("").trim_end_matches('.').to_lowercase()
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
