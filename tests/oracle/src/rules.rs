//! One end, one family, one reading: does it let a flow through?

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::objects::{Pod, Policy};
use super::readings::{Reading, Role};
use super::{End, Profile, World};

impl World {
    /// Whether `subject` lets through what flows between it and `peer` in a direction of it.
    #[expect(clippy::too_many_arguments, reason = "a flow is all of these")]
    pub(crate) fn end_allows(
        &self,
        direction: &str,
        subject: &End,
        peer: &End,
        family: u8,
        protocol: &str,
        port: u16,
        reading: &Reading,
    ) -> bool {
        if reading.itself_is_exempt {
            return true;
        }
        // Only pods are isolated; a pod on the host's network may count as its node (C13).
        let Some(pod) = self.pod(subject) else { return true };
        if pod.host_network && reading.host_is_node {
            return true;
        }
        // A pod's own node (C14).
        if self.is_node_of(peer, pod, reading)
            && (direction == "ingress" || reading.own_node_is_exempt)
        {
            return true;
        }
        let isolating: Vec<&Policy> = self
            .policies
            .iter()
            .filter(|policy| policy.namespace == pod.namespace)
            .filter(|policy| selects(&policy.spec["podSelector"], &pod.labels))
            .filter(|policy| isolates(&policy.spec, direction))
            .collect();
        if isolating.is_empty() {
            return true;
        }
        let role = if direction == "ingress" { Role::Source } else { Role::Destination };
        let destination = if direction == "ingress" { subject } else { peer };
        isolating.iter().any(|policy| {
            items(&policy.spec[direction]).iter().any(|rule| {
                let peers = items(&rule[if direction == "ingress" { "from" } else { "to" }]);
                let ports = items(&rule["ports"]);
                let on_port = ports.is_empty()
                    || ports
                        .iter()
                        .any(|own| self.port_matches(own, destination, protocol, port, reading));
                let with_peer = peers.is_empty()
                    || peers
                        .iter()
                        .any(|own| self.peer_matches(own, policy, peer, role, family, reading));
                on_port && with_peer
            })
        })
    }

    fn is_node_of(&self, end: &End, pod: &Pod, reading: &Reading) -> bool {
        let Some(node) = &pod.node else { return false };
        match end {
            End::Node(name) => name == node,
            End::Pod(_) => {
                let other = self.pod(end);
                reading.host_is_node
                    && other.is_some_and(|other| {
                        other.host_network && other.node.as_ref() == Some(node)
                    })
            }
            End::Address(_) => false,
        }
    }

    fn is_node(&self, end: &End, reading: &Reading) -> bool {
        match end {
            End::Pod(_) => {
                reading.host_is_node && self.pod(end).is_some_and(|pod| pod.host_network)
            }
            End::Node(_) | End::Address(_) => true,
        }
    }

    fn port_matches(
        &self,
        own: &Value,
        destination: &End,
        protocol: &str,
        port: u16,
        reading: &Reading,
    ) -> bool {
        if own["protocol"].as_str().unwrap_or("TCP") != protocol {
            return false;
        }
        match &own["port"] {
            Value::Null => true,
            Value::String(name) => {
                if self.is_node(destination, reading) {
                    return false;
                }
                match reading.numbers.get(&(name.clone(), protocol.to_owned())) {
                    Some(number) => *number == port,
                    None => self.pod(destination).is_some_and(|pod| {
                        pod.ports
                            .iter()
                            .any(|(n, p, number)| n == name && p == protocol && *number == port)
                    }),
                }
            }
            first => {
                let first = first.as_u64().unwrap_or(0);
                let last = own["endPort"].as_u64().unwrap_or(first);
                (first..=last).contains(&u64::from(port))
            }
        }
    }

    fn peer_matches(
        &self,
        own: &Value,
        policy: &Policy,
        peer: &End,
        role: Role,
        family: u8,
        reading: &Reading,
    ) -> bool {
        if !own["ipBlock"].is_null() {
            let outside = matches!(peer, End::Address(_));
            if self.profile == Profile::Cilium && !outside {
                return false;
            }
            let Some(ip) = self.address_of(peer, role, family, reading) else { return false };
            let except = items(&own["ipBlock"]["except"]);
            return within(ip, own["ipBlock"]["cidr"].as_str().unwrap_or(""))
                && !except.iter().any(|out| within(ip, out.as_str().unwrap_or("")));
        }
        if self.is_node(peer, reading) {
            return false;
        }
        let Some(pod) = self.pod(peer) else { return false };
        let in_namespace = match &own["namespaceSelector"] {
            Value::Null => pod.namespace == policy.namespace,
            selector => {
                self.namespaces.get(&pod.namespace).is_some_and(|labels| selects(selector, labels))
            }
        };
        in_namespace && (own["podSelector"].is_null() || selects(&own["podSelector"], &pod.labels))
    }

    fn address_of(&self, end: &End, role: Role, family: u8, reading: &Reading) -> Option<IpAddr> {
        match end {
            End::Address(ip) => Some(*ip),
            End::Node(name) => {
                let own = self.nodes.get(name).filter(|own| !own.is_empty());
                match own {
                    Some(own) => own.iter().copied().find(|ip| ip.is_ipv4() == (family == 4)),
                    None => reading.address(role, family),
                }
            }
            End::Pod(_) => match self.pod(end)? {
                pod if pod.is_unknown() => reading.address(role, family),
                pod if family == 4 => pod.v4,
                pod => pod.v6,
            },
        }
    }
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
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
