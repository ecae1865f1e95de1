//! Pods, and the part of their spec that templates share.

use super::Reader;
use crate::manifest::document::{ContainerPort, Labels, Owner, Phase, Pod, PodSpec};
use crate::manifest::path::Trail;
use crate::manifest::{NodeId, diagnostic, names};
use crate::netset::Protocol;

impl Reader<'_> {
    pub(super) fn pod(
        &mut self,
        labels: Labels,
        owner: Option<Owner>,
        spec: Option<NodeId>,
        status: Option<NodeId>,
        path: &Trail<'_>,
    ) -> Pod {
        let spec = self.pod_spec(spec, path);
        let phase = match self.text(status, "phase") {
            Some("Succeeded" | "Failed") => Phase::Completed,
            _ => Phase::Live,
        };
        let addresses = self.addresses(status, "podIPs", "podIP");
        let host_addresses = self.addresses(status, "hostIPs", "hostIP");
        Pod { labels, owner, spec, phase, addresses, host_addresses }
    }

    /// `many[*].ip` of the status, else `one`.
    fn addresses(
        &mut self,
        status: Option<NodeId>,
        many: &str,
        one: &str,
    ) -> Vec<std::net::IpAddr> {
        let root = Trail::root();
        let path = root.key("status");
        let list = self.list(status, many);
        let mut addresses = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let text = self.text(Some(item), "ip").unwrap_or("");
            addresses.extend(self.address(text, &path.key(many).index(index).key("ip")));
        }
        if addresses.is_empty()
            && let Some(text) = self.text(status, one)
        {
            addresses.extend(self.address(text, &path.key(one)));
        }
        addresses
    }

    pub(super) fn pod_spec(&mut self, spec: Option<NodeId>, path: &Trail<'_>) -> PodSpec {
        let mut ports = Vec::new();
        for (index, container) in self.list(spec, "containers").into_iter().enumerate() {
            self.ports(container, &path.key("containers").index(index), &mut ports);
        }
        for (index, container) in self.list(spec, "initContainers").into_iter().enumerate() {
            let mut own = Vec::new();
            self.ports(container, &path.key("initContainers").index(index), &mut own);
            if self.text(Some(container), "restartPolicy") == Some("Always") {
                ports.append(&mut own);
            }
        }
        let node_name = self.text(spec, "nodeName").filter(|name| !name.is_empty());
        PodSpec {
            node_name: node_name.map(str::to_owned),
            host_network: self.flag(spec, "hostNetwork"),
            ports,
        }
    }

    fn ports(&mut self, container: NodeId, path: &Trail<'_>, ports: &mut Vec<ContainerPort>) {
        let path = path.key("ports");
        for (index, item) in self.list(Some(container), "ports").into_iter().enumerate() {
            let path = path.index(index);
            let protocol = self.protocol(item, &path);
            let name = self.text(Some(item), "name").filter(|name| !name.is_empty());
            for why in name.map(names::port_name).unwrap_or_default() {
                self.say(diagnostic::invalid(name.unwrap_or(""), &why), &path.key("name"));
            }
            let number = self.number(Some(item), "containerPort");
            match number.map(|number| (number, names::port_number(number))) {
                None => {
                    self.say(diagnostic::required("containerPort"), &path.key("containerPort"));
                }
                Some((number, Err(why))) => {
                    let problem = diagnostic::invalid(&number.to_string(), why);
                    self.say(problem, &path.key("containerPort"));
                }
                Some((_, Ok(port))) => {
                    if let Some(protocol) = protocol {
                        ports.push(ContainerPort { name: name.map(str::to_owned), protocol, port });
                    }
                }
            }
        }
    }

    /// `protocol`, TCP if there is none; none if it is none of the three.
    pub(super) fn protocol(&mut self, item: NodeId, path: &Trail<'_>) -> Option<Protocol> {
        let text = self.text(Some(item), "protocol").unwrap_or("TCP");
        // An empty one is defaulted where it is no pointer.
        let text = if text.is_empty() { "TCP" } else { text };
        let protocol = Protocol::parse(text);
        if protocol.is_none() {
            let problem = diagnostic::unsupported(text, &["TCP", "UDP", "SCTP"]);
            self.say(problem, &path.key("protocol"));
        }
        protocol
    }
}
