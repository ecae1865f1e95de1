//! One end, one family, one reading: does it let a flow through? NetworkPolicies, and where they
//! stand among the tiers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::objects::{Pod, Policy};
use super::readings::{Reading, Role};
use super::tiers::Action;
use super::{End, Profile, Verdicts, World};

/// One end of a flow, in one family, under one reading.
#[derive(Clone, Copy)]
pub(crate) struct Half<'a> {
    pub(crate) world: &'a World,
    /// `ingress` or `egress`
    pub(crate) direction: &'a str,
    /// The end that is asked.
    pub(crate) subject: &'a End,
    /// The other one.
    pub(crate) peer: &'a End,
    pub(crate) family: u8,
    pub(crate) protocol: &'a str,
    pub(crate) port: u16,
    pub(crate) reading: &'a Reading,
}

impl Half<'_> {
    /// Whether the subject lets the flow through: Admin, then NetworkPolicies, then Baseline.
    pub(crate) fn verdicts(&self) -> Verdicts {
        // Only pods are subjects.
        let Some(pod) = self.world.pod(self.subject) else { return Verdicts::only(true) };
        Verdicts::any_of(self.tier("Admin").into_iter().map(|action| match action {
            Action::Accept => Verdicts::only(true),
            Action::Deny => Verdicts::only(false),
            Action::Pass => self.behind_admin(pod),
        }))
    }

    fn behind_admin(&self, pod: &Pod) -> Verdicts {
        if let Some(allowed) = self.network_policies(pod) {
            return Verdicts::only(allowed);
        }
        // Nothing isolates the pod for this direction; for the other one something may (C16).
        let is_node = pod.host_network && self.reading.host_is_node;
        let is_selected =
            !is_node && self.world.policies.iter().any(|policy| policy_selects(policy, pod));
        if self.reading.baseline_is_per_pod && is_selected {
            return Verdicts::only(true);
        }
        Verdicts::any_of(self.tier("Baseline").into_iter().map(|action| match action {
            Action::Accept | Action::Pass => Verdicts::only(true),
            Action::Deny => Verdicts::only(false),
        }))
    }

    /// What the NetworkPolicies say; nothing if none isolates the pod for the direction.
    fn network_policies(&self, pod: &Pod) -> Option<bool> {
        // A pod on the host's network may count as its node, which nothing isolates (C13).
        if pod.host_network && self.reading.host_is_node {
            return None;
        }
        let isolating: Vec<&Policy> = self
            .world
            .policies
            .iter()
            .filter(|policy| policy_selects(policy, pod) && isolates(&policy.spec, self.direction))
            .collect();
        if isolating.is_empty() {
            return None;
        }
        // A pod's own node (C14).
        if self.is_own_node(pod) && (self.direction == "ingress" || self.reading.own_node_is_exempt)
        {
            return Some(true);
        }
        Some(isolating.iter().any(|policy| {
            items(&policy.spec[self.direction]).iter().any(|rule| {
                let peers = items(&rule[if self.direction == "ingress" { "from" } else { "to" }]);
                let ports = items(&rule["ports"]);
                let on_port = ports.is_empty() || ports.iter().any(|own| self.port_matches(own));
                let with_peer =
                    peers.is_empty() || peers.iter().any(|own| self.peer_matches(own, policy));
                on_port && with_peer
            })
        }))
    }

    fn is_own_node(&self, pod: &Pod) -> bool {
        let Some(node) = &pod.node else { return false };
        match self.peer {
            End::Node(name) => name == node,
            End::Pod(_) => {
                let other = self.world.pod(self.peer);
                self.reading.host_is_node
                    && other.is_some_and(|other| {
                        other.host_network && other.node.as_ref() == Some(node)
                    })
            }
            End::Address(_) => false,
        }
    }

    fn is_node(&self, end: &End) -> bool {
        match end {
            End::Pod(_) => {
                self.reading.host_is_node && self.world.pod(end).is_some_and(|pod| pod.host_network)
            }
            End::Node(_) | End::Address(_) => true,
        }
    }

    pub(crate) fn destination(&self) -> &End {
        if self.direction == "ingress" { self.subject } else { self.peer }
    }

    fn port_matches(&self, own: &Value) -> bool {
        if own["protocol"].as_str().unwrap_or("TCP") != self.protocol {
            return false;
        }
        match &own["port"] {
            Value::Null => true,
            Value::String(name) => !self.is_node(self.destination()) && self.is_named_so(name),
            first => {
                let first = first.as_u64().unwrap_or(0);
                let last = own["endPort"].as_u64().unwrap_or(first);
                (first..=last).contains(&u64::from(self.port))
            }
        }
    }

    /// Whether the destination, a pod, calls the port so.
    pub(crate) fn is_named_so(&self, name: &str) -> bool {
        match self.reading.numbers.get(&(name.to_owned(), self.protocol.to_owned())) {
            Some(number) => *number == self.port,
            None => self.world.pod(self.destination()).is_some_and(|pod| {
                let mut own = pod.ports.iter();
                own.any(|(n, p, number)| n == name && p == self.protocol && *number == self.port)
            }),
        }
    }

    fn peer_matches(&self, own: &Value, policy: &Policy) -> bool {
        if !own["ipBlock"].is_null() {
            let outside = matches!(self.peer, End::Address(_));
            if self.world.profile == Profile::Cilium && !outside {
                return false;
            }
            let Some(ip) = self.peer_address() else { return false };
            let except = items(&own["ipBlock"]["except"]);
            return within(ip, own["ipBlock"]["cidr"].as_str().unwrap_or(""))
                && !except.iter().any(|out| within(ip, out.as_str().unwrap_or("")));
        }
        if self.is_node(self.peer) {
            return false;
        }
        let Some(pod) = self.world.pod(self.peer) else { return false };
        let in_namespace = match &own["namespaceSelector"] {
            Value::Null => pod.namespace == policy.namespace,
            selector => self.world.namespace_has(&pod.namespace, selector),
        };
        in_namespace && (own["podSelector"].is_null() || selects(&own["podSelector"], &pod.labels))
    }

    /// The address of the other end, in the family that is asked about.
    pub(crate) fn peer_address(&self) -> Option<IpAddr> {
        let role = if self.direction == "ingress" { Role::Source } else { Role::Destination };
        match self.peer {
            End::Address(ip) => Some(*ip),
            End::Node(name) => {
                let own = self.world.nodes.get(name).map(|node| &node.addresses);
                match own.filter(|own| !own.is_empty()) {
                    Some(own) => own.iter().copied().find(|ip| ip.is_ipv4() == (self.family == 4)),
                    None => self.reading.address(role, self.family),
                }
            }
            End::Pod(_) => match self.world.pod(self.peer)? {
                pod if pod.is_unknown() => self.reading.address(role, self.family),
                pod if self.family == 4 => pod.v4,
                pod => pod.v6,
            },
        }
    }
}

impl World {
    pub(crate) fn namespace_has(&self, name: &str, selector: &Value) -> bool {
        self.namespaces.get(name).is_some_and(|labels| selects(selector, labels))
    }
}

/// The items of a list; none where there is no list.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn policy_selects(policy: &Policy, pod: &Pod) -> bool {
    policy.namespace == pod.namespace && selects(&policy.spec["podSelector"], &pod.labels)
}

/// C2
pub(crate) fn isolates(spec: &Value, direction: &str) -> bool {
    let types = items(&spec["policyTypes"]);
    let has_egress_rule = !items(&spec["egress"]).is_empty();
    match (types.is_empty(), direction) {
        (true, "ingress") => true,
        (true, _) => has_egress_rule,
        (false, "ingress") => types.contains(&Value::from("Ingress")),
        (false, _) => types.contains(&Value::from("Egress")),
    }
}

/// C7
pub(crate) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let by_labels = wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    by_labels
        && items(&selector["matchExpressions"]).iter().all(|own| {
            let value = labels.get(own["key"].as_str().unwrap_or(""));
            let among = value
                .is_some_and(|value| items(&own["values"]).contains(&Value::from(value.as_str())));
            match own["operator"].as_str().unwrap_or("") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        })
}

/// Whether an address begins with the bits of a block.
pub(crate) fn within(ip: IpAddr, block: &str) -> bool {
    let Some((base, length)) = block.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    match (ip, base) {
        (IpAddr::V4(ip), IpAddr::V4(base)) => {
            length == 0 || ip.to_bits() >> (32 - length) == base.to_bits() >> (32 - length)
        }
        (IpAddr::V6(ip), IpAddr::V6(base)) => {
            length == 0 || ip.to_bits() >> (128 - length) == base.to_bits() >> (128 - length)
        }
        _ => false,
    }
}
