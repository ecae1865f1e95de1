//! Services.

use super::Reader;
use crate::manifest::document::{PortRef, Service, ServicePort, ServiceType};
use crate::manifest::path::Trail;
use crate::manifest::schema::whole;
use crate::manifest::{NodeId, Value, diagnostic, names};

impl Reader<'_> {
    pub(super) fn service(&mut self, spec: Option<NodeId>, status: Option<NodeId>) -> Service {
        let root = Trail::root();
        let path = root.key("spec");
        let selector_at = self.at(spec, "selector");
        let selector = self.labels(selector_at, &path.key("selector"));
        let service_type = match self.text(spec, "type") {
            None | Some("" | "ClusterIP") => ServiceType::ClusterIp,
            Some("NodePort") => ServiceType::NodePort,
            Some("LoadBalancer") => ServiceType::LoadBalancer,
            Some("ExternalName") => ServiceType::ExternalName,
            Some(other) => {
                let known = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
                self.say(diagnostic::unsupported(other, &known), &path.key("type"));
                ServiceType::ClusterIp
            }
        };
        let many_at = path.key("clusterIPs");
        let mut headless = false;
        let mut cluster_addresses = Vec::new();
        let many = self.list(spec, "clusterIPs");
        for (index, item) in many.iter().enumerate() {
            let text = self.string(*item);
            headless |= text == "None";
            if text != "None" {
                cluster_addresses.extend(self.address(text, &many_at.index(index)));
            }
        }
        match self.text(spec, "clusterIP") {
            Some("None") => headless = true,
            Some(one) if many.is_empty() => {
                cluster_addresses.extend(self.address(one, &path.key("clusterIP")));
            }
            Some(_) | None => {}
        }
        let mut external_addresses = Vec::new();
        for (index, item) in self.list(spec, "externalIPs").into_iter().enumerate() {
            let text = self.string(item);
            external_addresses.extend(self.address(text, &path.key("externalIPs").index(index)));
        }
        let balancer = self.at(status, "loadBalancer");
        for (index, item) in self.list(balancer, "ingress").into_iter().enumerate() {
            if let Some(text) = self.text(Some(item), "ip") {
                let status_at = root.key("status");
                let loadbalancer_at = status_at.key("loadBalancer");
                let ingress_at = loadbalancer_at.key("ingress");
                let path = ingress_at.index(index);
                external_addresses.extend(self.address(text, &path.key("ip")));
            }
        }
        let external_name = self.text(spec, "externalName").filter(|name| !name.is_empty());
        let external_name = external_name.map(str::to_owned);
        let mut ports = Vec::new();
        for (index, item) in self.list(spec, "ports").into_iter().enumerate() {
            ports.extend(self.service_port(item, &path.key("ports").index(index)));
        }
        Service {
            selector: (!selector.is_empty()).then_some(selector),
            service_type,
            headless,
            cluster_addresses,
            external_addresses,
            external_name,
            ports,
        }
    }

    fn service_port(&mut self, item: NodeId, path: &Trail<'_>) -> Option<ServicePort> {
        let protocol = self.protocol(item, path)?;
        let number = self.number(Some(item), "port").unwrap_or(0);
        let port = match names::port_number(number) {
            Ok(port) => port,
            Err(why) => {
                self.say(diagnostic::invalid(&number.to_string(), why), &path.key("port"));
                return None;
            }
        };
        let target = self.at(Some(item), "targetPort").map(|at| self.tree.value(at));
        let target = match target {
            None | Some(Value::Int(0) | Value::String("")) => PortRef::Number(port),
            Some(Value::String(name)) => {
                for why in names::port_name(name) {
                    self.say(diagnostic::invalid(name, &why), &path.key("targetPort"));
                }
                PortRef::Name(name.to_owned())
            }
            Some(value) => {
                let number = whole(value).unwrap_or(0);
                match names::port_number(number) {
                    Ok(number) => PortRef::Number(number),
                    Err(why) => {
                        let problem = diagnostic::invalid(&number.to_string(), why);
                        self.say(problem, &path.key("targetPort"));
                        return None;
                    }
                }
            }
        };
        let name = self.text(Some(item), "name").filter(|name| !name.is_empty());
        let node_port =
            self.number(Some(item), "nodePort").and_then(|port| u16::try_from(port).ok());
        Some(ServicePort {
            name: name.map(str::to_owned),
            protocol,
            port,
            target,
            node_port: node_port.filter(|port| *port != 0),
        })
    }
}
