//! IsolationRules, one flow at a time: does it break the rule?

use std::net::IpAddr;

use serde_json::Value;

use super::End;
use super::objects::World;
use super::rules::{isolates, selects, within};

/// A flow: source, destination, protocol, port.
pub type Flow = (End, End, String, u16);

impl World {
    /// Those of some flows that break a rule (its `spec`). The flows must be all between some ends
    /// on some ports, for `reach: Any` asks for one among them.
    pub fn breaking(&self, spec: &Value, flows: &[Flow]) -> Vec<Flow> {
        let judged: Vec<&Flow> = flows.iter().filter(|flow| self.is_judged(flow)).collect();
        let verdict = |flow: &Flow| self.flow(&flow.0, &flow.1, &flow.2, flow.3).verdict;
        if let Some(rule) = spec.get("forbid") {
            return judged
                .into_iter()
                .filter(|flow| self.asked(rule, rule, flow))
                .filter(|flow| !list(&rule["except"]).iter().any(|one| self.asked(one, rule, flow)))
                .filter(|flow| verdict(flow) != "deny")
                .cloned()
                .collect();
        }
        if let Some(rule) = spec.get("require") {
            let asked: Vec<&Flow> =
                judged.into_iter().filter(|flow| self.asked(rule, rule, flow)).collect();
            let missing: Vec<&Flow> =
                asked.iter().filter(|flow| verdict(flow) != "allow").copied().collect();
            if rule["reach"] != "Any" {
                return missing.into_iter().cloned().collect();
            }
            let reaches =
                |from: &End| asked.iter().any(|own| own.0 == *from && verdict(own) == "allow");
            return missing.into_iter().filter(|flow| !reaches(&flow.0)).cloned().collect();
        }
        if let Some(rule) = spec.get("separate") {
            let groups = |end: &End| self.groups(rule, end);
            let crosses = |flow: &Flow| {
                let (from, to) = (groups(&flow.0), groups(&flow.1));
                from.iter().any(|one| to.iter().any(|other| one != other))
            };
            let any = Value::Null;
            return judged
                .into_iter()
                .filter(|flow| crosses(flow))
                .filter(|flow| !list(&rule["except"]).iter().any(|one| self.asked(one, &any, flow)))
                .filter(|flow| verdict(flow) != "deny")
                .cloned()
                .collect();
        }
        Vec::new()
    }

    /// The pods that a rule wants isolated in a direction and that no NetworkPolicy selects for it.
    pub fn not_isolated(&self, spec: &Value, direction: &str) -> Vec<usize> {
        let rule = &spec["isolated"];
        let directions = list(&rule["directions"]);
        let title = if direction == "ingress" { "Ingress" } else { "Egress" };
        if rule.is_null() || !(directions.is_empty() || directions.contains(&Value::from(title))) {
            return Vec::new();
        }
        (0..self.pods.len())
            .filter(|at| {
                let end = End::Pod(*at);
                let means = |peers: &Value| list(peers).iter().any(|one| self.means(one, &end));
                means(&rule["pods"]) && !means(&rule["except"]) && !self.isolates(*at, direction)
            })
            .collect()
    }

    /// Whether a pair is judged: one end is a pod, and it is neither that pod itself nor its node.
    fn is_judged(&self, (from, to, ..): &Flow) -> bool {
        let is_own = |one: &End, other: &End| match (one, other) {
            (End::Pod(pod), End::Node(name)) => self.pods[*pod].node.as_ref() == Some(name),
            _ => false,
        };
        let has_pod = matches!((from, to), (End::Pod(_), _) | (_, End::Pod(_)));
        let itself = from == to && matches!(from, End::Pod(at) if self.pods[*at].is_pod);
        has_pod && !itself && !is_own(from, to) && !is_own(to, from)
    }

    /// Whether a flow is from these to those on these ports; a missing part is the rule's own.
    fn asked(&self, part: &Value, rule: &Value, (from, to, protocol, port): &Flow) -> bool {
        let side = |key: &str, end: &End| {
            let own = if part[key].is_null() { &rule[key] } else { &part[key] };
            own.is_null() || list(own).iter().any(|peer| self.means(peer, end))
        };
        let ports = if part["ports"].is_null() { &rule["ports"] } else { &part["ports"] };
        let on_port =
            ports.is_null() || list(ports).iter().any(|own| self.covers(own, to, protocol, *port));
        side("from", from) && side("to", to) && on_port
    }

    fn covers(&self, own: &Value, to: &End, protocol: &str, port: u16) -> bool {
        if own["protocol"].as_str().unwrap_or("TCP") != protocol {
            return false;
        }
        match &own["port"] {
            Value::Null => true,
            Value::String(name) => match to {
                End::Pod(at) => self.pods[*at]
                    .ports
                    .iter()
                    .any(|(own, on, number)| own == name && on == protocol && *number == port),
                End::Node(_) | End::Address(_) => false,
            },
            first => {
                let first = first.as_u64().unwrap_or(0);
                (first..=own["endPort"].as_u64().unwrap_or(first)).contains(&u64::from(port))
            }
        }
    }

    fn means(&self, peer: &Value, end: &End) -> bool {
        match end {
            End::Pod(at) => {
                let pod = &self.pods[*at];
                if pod.host_network || !peer["outside"].is_null() {
                    return false;
                }
                if !peer["ipBlock"].is_null() {
                    let in_block = |ip: IpAddr| in_block(&peer["ipBlock"], ip);
                    return [pod.v4, pod.v6].into_iter().flatten().any(in_block)
                        || (pod.is_unknown() && self.is_settled(&peer["ipBlock"]));
                }
                let labels = self.namespaces.get(&pod.namespace);
                labels.is_some_and(|labels| selects(&peer["namespaceSelector"], labels))
                    && selects(&peer["podSelector"], &pod.labels)
            }
            End::Node(name) => {
                let own = self.nodes_addresses(name);
                let of = |four: bool| own.iter().find(|ip| ip.is_ipv4() == four).copied();
                !peer["ipBlock"].is_null()
                    && [of(true), of(false)]
                        .into_iter()
                        .flatten()
                        .any(|ip| in_block(&peer["ipBlock"], ip))
            }
            End::Address(ip) => {
                !peer["outside"].is_null()
                    || (!peer["ipBlock"].is_null() && in_block(&peer["ipBlock"], *ip))
            }
        }
    }

    /// Whether a block covers a pod whose address is not known: it covers all that it may have.
    fn is_settled(&self, block: &Value) -> bool {
        let all = ["0.0.0.0/0".to_owned()];
        let ranges = if self.pod_cidrs.is_empty() { &all[..] } else { &self.pod_cidrs };
        [4, 6].into_iter().any(|family| {
            let mut own =
                ranges.iter().filter(|cidr| cidr.contains(':') == (family == 6)).peekable();
            own.peek().is_some() && own.all(|cidr| is_covered(cidr, block))
        })
    }

    /// The groups of a rule that an end is in.
    fn groups(&self, rule: &Value, end: &End) -> Vec<String> {
        let End::Pod(at) = end else { return Vec::new() };
        let pod = &self.pods[*at];
        let Some(labels) = self.namespaces.get(&pod.namespace).filter(|_| !pod.host_network) else {
            return Vec::new();
        };
        if let Some(key) = rule["byLabel"].as_str() {
            return labels.get(key).cloned().into_iter().collect();
        }
        let own = list(&rule["groups"]);
        let own = own.iter().filter(|group| selects(&group["namespaceSelector"], labels));
        own.map(|group| group["name"].as_str().unwrap_or("").to_owned()).collect()
    }

    /// Whether a NetworkPolicy selects a pod for a direction.
    fn isolates(&self, at: usize, direction: &str) -> bool {
        let pod = &self.pods[at];
        self.policies.iter().any(|policy| {
            policy.namespace == pod.namespace
                && selects(&policy.spec["podSelector"], &pod.labels)
                && isolates(&policy.spec, direction)
        })
    }

    fn nodes_addresses(&self, name: &str) -> Vec<IpAddr> {
        self.nodes.get(name).map_or_else(Vec::new, |node| node.addresses.clone())
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn in_block(block: &Value, ip: IpAddr) -> bool {
    within(ip, block["cidr"].as_str().unwrap_or(""))
        && !list(&block["except"]).iter().any(|out| within(ip, out.as_str().unwrap_or("")))
}

/// Whether all of a block's addresses are in another and in none of its exceptions.
fn is_covered(cidr: &str, block: &Value) -> bool {
    let length = |cidr: &str| cidr.split_once('/').and_then(|(_, n)| n.parse::<u32>().ok());
    let base = |cidr: &str| cidr.split_once('/').and_then(|(ip, _)| ip.parse::<IpAddr>().ok());
    let (Some(own), Some(start)) = (length(cidr), base(cidr)) else { return false };
    let outer = block["cidr"].as_str().unwrap_or("");
    let is_inside = within(start, outer) && length(outer).is_some_and(|outer| outer <= own);
    is_inside
        && !list(&block["except"]).iter().any(|out| {
            let out = out.as_str().unwrap_or("");
            within(start, out) || base(out).is_some_and(|ip| within(ip, cidr))
        })
}
