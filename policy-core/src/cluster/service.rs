//! Who is behind a Service, on which port (C10).

use std::fmt;

use super::{Cluster, Endpoint, EndpointId};
use crate::manifest::document::{PortRef, Service, ServicePort, ServiceType};
use crate::netset::Protocol;

/// An endpoint behind a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Who.
    pub endpoint: EndpointId,
    /// The Service's port, before the translation.
    pub service_port: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The pod's port, after the translation.
    pub port: u16,
}

/// Why a Service leads to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// It has no such port; these it has.
    NoSuchPort {
        /// What was asked for.
        asked: PortRef,
        /// The protocol that was asked for.
        protocol: Protocol,
        /// What there is.
        ports: Vec<ServicePort>,
    },
    /// No endpoint that was read is behind it.
    NoBackend,
    /// It has no selector, so its endpoints stand in no manifest.
    NoSelector,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::NoSuchPort { asked, protocol, ports } => {
                match asked {
                    PortRef::Number(number) => write!(f, "it has no {protocol} port {number}")?,
                    PortRef::Name(name) => write!(f, "it has no {protocol} port named `{name}`")?,
                }
                let list: Vec<String> = ports
                    .iter()
                    .map(|port| match &port.name {
                        Some(name) => format!("{name} {}/{}", port.protocol, port.port),
                        None => format!("{}/{}", port.protocol, port.port),
                    })
                    .collect();
                match list.as_slice() {
                    [] => f.write_str("; it has no port at all"),
                    list => write!(f, "; it has {}", list.join(", ")),
                }
            }
            ServiceError::NoBackend => {
                f.write_str("no pod that was read is behind it on that port")
            }
            ServiceError::NoSelector => f.write_str("it has no selector"),
        }
    }
}

impl Cluster {
    /// The endpoints behind a Service: on one port, or on all of them if none is named.
    ///
    /// # Errors
    /// Says why nobody is; a Service without a selector may have any endpoints (C10).
    pub fn backends(
        &self,
        namespace: &str,
        service: &Service,
        protocol: Option<Protocol>,
        port: Option<&PortRef>,
    ) -> Result<Vec<Backend>, ServiceError> {
        let selector = match (&service.selector, service.service_type) {
            (Some(selector), ServiceType::ClusterIp)
            | (Some(selector), ServiceType::NodePort)
            | (Some(selector), ServiceType::LoadBalancer) => selector,
            (None, _) | (_, ServiceType::ExternalName) => return Err(ServiceError::NoSelector),
        };
        let ports = asked_ports(service, protocol, port)?;
        let mut backends = Vec::new();
        let Some(namespace) = self.find_namespace(namespace) else {
            return Err(ServiceError::NoBackend);
        };
        let wanted: Option<Vec<_>> = selector
            .iter()
            .map(|(key, value)| Some((self.symbols.get(key)?, self.symbols.get(value)?)))
            .collect();
        let Some(wanted) = wanted else { return Err(ServiceError::NoBackend) };
        for (id, endpoint) in self.endpoints_in(namespace) {
            let selected = wanted.iter().all(|(key, value)| endpoint.label(*key) == Some(*value));
            if !selected {
                continue;
            }
            for port in &ports {
                for target in self.targets(service, endpoint, port) {
                    backends.push(Backend {
                        endpoint: id,
                        service_port: port.port,
                        protocol: port.protocol,
                        port: target,
                    });
                }
            }
        }
        if backends.is_empty() { Err(ServiceError::NoBackend) } else { Ok(backends) }
    }

    /// The endpoints of a namespace, by name and kind.
    pub fn endpoints_in(
        &self,
        namespace: super::NamespaceId,
    ) -> impl Iterator<Item = (EndpointId, &Endpoint)> {
        let from = (namespace, Box::from(""), crate::manifest::document::Kind::Namespace);
        self.by_name
            .range(from..)
            .take_while(move |((ns, _, _), _)| *ns == namespace)
            .filter_map(|(_, &id)| Some((id, self.endpoint(id)?)))
    }

    /// The numbers of a Service's port on an endpoint; none if it lacks the named one.
    fn targets(&self, service: &Service, endpoint: &Endpoint, port: &ServicePort) -> Vec<u16> {
        if service.headless {
            return vec![port.port];
        }
        match &port.target {
            PortRef::Number(number) => vec![*number],
            PortRef::Name(name) => {
                let name = self.symbols.get(name);
                let named = endpoint.ports.iter();
                named
                    .filter(|own| Some(own.name) == name && own.protocol == port.protocol)
                    .map(|own| own.port)
                    .collect()
            }
        }
    }
}

fn asked_ports(
    service: &Service,
    protocol: Option<Protocol>,
    port: Option<&PortRef>,
) -> Result<Vec<ServicePort>, ServiceError> {
    let of_protocol = |own: &&ServicePort| protocol.is_none_or(|wanted| own.protocol == wanted);
    let Some(asked) = port else {
        return Ok(service.ports.iter().filter(of_protocol).cloned().collect());
    };
    let matches = |own: &&ServicePort| match asked {
        PortRef::Number(number) => own.port == *number,
        PortRef::Name(name) => own.name.as_deref() == Some(name),
    };
    let found: Vec<ServicePort> =
        service.ports.iter().filter(of_protocol).filter(matches).cloned().collect();
    let wanted = protocol.unwrap_or(Protocol::Tcp);
    match (found.as_slice(), asked) {
        // A headless Service is only a name for its pods: any of their ports will do.
        ([], PortRef::Number(number)) if service.headless => Ok(vec![ServicePort {
            name: None,
            protocol: wanted,
            port: *number,
            target: asked.clone(),
            node_port: None,
        }]),
        ([], _) => Err(ServiceError::NoSuchPort {
            asked: asked.clone(),
            protocol: wanted,
            ports: service.ports.clone(),
        }),
        _ => Ok(found),
    }
}
