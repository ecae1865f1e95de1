//! The ends of a question: as a person writes them, and whom they mean.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::QuestionError;
use crate::cluster::{Backend, Cluster, EndpointId, ServiceError, address, number};
use crate::limits;
use crate::manifest::document::{Kind, PortRef, Service};
use crate::netset::{Cidr, Family, Protocol};

/// One end of a flow, as written: `[KIND/]NAMESPACE/NAME[:PORT]`, `svc/NAMESPACE/NAME[:PORT]`,
/// `node/NAME`, an address or a CIDR.
///
/// ```
/// use policy_core::query::End;
///
/// let end: End = "svc/payments/payment-service:443".parse().unwrap();
/// assert_eq!(end.to_string(), "svc/payments/payment-service:443");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// Who.
    pub name: EndName,
    /// The port behind the colon.
    pub port: Option<PortRef>,
}

/// Whom an end names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndName {
    /// A pod or a workload, with its kind where it was given.
    Endpoint {
        /// `Pod`, or the kind of a workload.
        kind: Option<Kind>,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// A Service.
    Service {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// A Node.
    Node(String),
    /// An address: a pod's, a Service's, a Node's, or one outside of the cluster (C27).
    Address(IpAddr),
    /// A block of addresses.
    Block(Cidr),
}

/// The kinds that an end may name, with `kubectl`'s short names.
const KINDS: [(&str, &str, Kind); 8] = [
    ("pod", "po", Kind::Pod),
    ("deployment", "deploy", Kind::Deployment),
    ("statefulset", "sts", Kind::StatefulSet),
    ("daemonset", "ds", Kind::DaemonSet),
    ("replicaset", "rs", Kind::ReplicaSet),
    ("replicationcontroller", "rc", Kind::ReplicationController),
    ("job", "job", Kind::Job),
    ("cronjob", "cj", Kind::CronJob),
];

impl std::str::FromStr for End {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<End, QuestionError> {
        let malformed = || QuestionError::MalformedEnd(text.to_owned());
        if let Some(block) = block(text) {
            return Ok(End { name: EndName::Block(block), port: None });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(End { name: EndName::Address(plain(ip)), port: None });
        }
        let (who, port) = match text.rsplit_once(':') {
            Some((who, port)) => (who, Some(parse_port(port).ok_or_else(malformed)?)),
            None => (text, None),
        };
        let bracketed = who.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let ip = bracketed.map_or_else(
            || who.parse::<std::net::Ipv4Addr>().map(IpAddr::V4).ok(),
            |inner| inner.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        );
        if let Some(ip) = ip {
            return Ok(End { name: EndName::Address(plain(ip)), port });
        }
        let parts: Vec<&str> = who.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(malformed());
        }
        let lower = |kind: &str| kind.to_ascii_lowercase();
        let owned = |part: &&str| (*part).to_owned();
        let name = match parts.as_slice() {
            [kind, name] if matches!(lower(kind).as_str(), "node" | "nodes" | "no") => {
                EndName::Node(owned(name))
            }
            [namespace, name] => {
                EndName::Endpoint { kind: None, namespace: owned(namespace), name: owned(name) }
            }
            [kind, namespace, name] => {
                let kind = lower(kind);
                if matches!(kind.as_str(), "svc" | "service" | "services") {
                    EndName::Service { namespace: owned(namespace), name: owned(name) }
                } else {
                    let known = KINDS.into_iter().find(|(long, short, _)| {
                        kind == *long || kind == *short || kind.strip_suffix('s') == Some(long)
                    });
                    let (_, _, kind) =
                        known.ok_or_else(|| QuestionError::UnknownKind(text.to_owned(), kind))?;
                    EndName::Endpoint {
                        kind: Some(kind),
                        namespace: owned(namespace),
                        name: owned(name),
                    }
                }
            }
            _ => return Err(malformed()),
        };
        Ok(End { name, port })
    }
}

/// A port as a person writes it: a number from 1 to 65535, or a name.
pub fn parse_port(text: &str) -> Option<PortRef> {
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().filter(|port| *port != 0).map(PortRef::Number);
    }
    Some(PortRef::Name(text.to_owned()))
}

fn block(text: &str) -> Option<Cidr> {
    let (ip, length) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    match ip {
        IpAddr::V6(v6) if length >= 96 && v6.to_ipv4_mapped().is_some() => {
            Cidr::new(plain(ip), length - 96)
        }
        _ => Cidr::new(ip, length),
    }
}

/// An IPv4-mapped IPv6 address is the IPv4 address.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            EndName::Endpoint { kind: Some(kind), namespace, name } => {
                write!(f, "{}/{namespace}/{name}", kind.name().to_ascii_lowercase())?;
            }
            EndName::Endpoint { kind: None, namespace, name } => write!(f, "{namespace}/{name}")?,
            EndName::Service { namespace, name } => write!(f, "svc/{namespace}/{name}")?,
            EndName::Node(name) => write!(f, "node/{name}")?,
            EndName::Address(ip) => match (ip, &self.port) {
                (IpAddr::V6(v6), Some(_)) => write!(f, "[{v6}]")?,
                _ => write!(f, "{ip}")?,
            },
            EndName::Block(block) => write!(f, "{block}")?,
        }
        match &self.port {
            Some(PortRef::Number(number)) => write!(f, ":{number}"),
            Some(PortRef::Name(name)) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

/// One of those whom an end means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// A pod or a workload.
    Endpoint(EndpointId),
    /// A Node, by its addresses: of each family the one that it sends from, IPv4 first.
    Node {
        /// `metadata.name`
        name: String,
        /// Of each family; both none if the manifests hold no address of it.
        addresses: [Option<IpAddr>; 2],
    },
    /// The endpoints of a Service that stand in no manifest (C10); as the end was written.
    Missing(String),
    /// Addresses of nobody that was read, from the first to the last.
    Outside {
        /// The first.
        first: IpAddr,
        /// The last, of the same family.
        last: IpAddr,
    },
}

impl Member {
    /// How it is named in an answer.
    pub fn display(&self, cluster: &Cluster) -> String {
        match self {
            Member::Endpoint(id) => cluster.display(*id),
            Member::Node { name, .. } => format!("node/{name}"),
            Member::Missing(end) => end.clone(),
            Member::Outside { first, last } if first == last => first.to_string(),
            Member::Outside { first, last } => format!("{first}-{last}"),
        }
    }
}

/// Whom an end means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// These; at least one.
    Members(Vec<Member>),
    /// These ports of those behind a Service; at least one.
    Backends(Vec<Backend>),
    /// A Service whose endpoints the manifests do not hold (C10).
    UnknownBackends,
}

/// Whom an end means; a Service with the protocol and port that are asked for.
///
/// # Errors
/// Nobody of that name was read, the name means several, or a pod that ended.
pub fn resolve(
    cluster: &Cluster,
    end: &End,
    protocol: Option<Protocol>,
    port: Option<&PortRef>,
) -> Result<Meaning, QuestionError> {
    match &end.name {
        EndName::Endpoint { kind, namespace, name } => {
            resolve_endpoint(cluster, end, *kind, namespace, name)
        }
        EndName::Service { namespace, name } => {
            let service = cluster
                .service(namespace, name)
                .ok_or_else(|| QuestionError::NotFound(end.to_string()))?;
            resolve_service(cluster, end, namespace, service, protocol, port)
        }
        EndName::Node(name) => {
            let node =
                cluster.node(name).ok_or_else(|| QuestionError::NotFound(end.to_string()))?;
            let of = |family| node.addresses.iter().copied().find(|ip| Family::of(*ip) == family);
            let addresses = [of(Family::V4), of(Family::V6)];
            Ok(Meaning::Members(vec![Member::Node { name: name.clone(), addresses }]))
        }
        EndName::Address(ip) => {
            let mut pods = cluster.pods_at(*ip);
            if let Some(pod) = pods.next() {
                if let Some(other) = pods.next() {
                    return Err(QuestionError::SharedAddress {
                        address: *ip,
                        pods: [cluster.display(pod), cluster.display(other)],
                    });
                }
                return Ok(Meaning::Members(vec![Member::Endpoint(pod)]));
            }
            if let Some(key) = cluster.services_at(*ip).next()
                && let Some(service) = cluster.service(&key.namespace, &key.name)
            {
                return resolve_service(cluster, end, &key.namespace, service, protocol, port);
            }
            if let Some(node) = cluster.nodes_at(*ip).next() {
                return Ok(Meaning::Members(vec![node_at(node, *ip)]));
            }
            Ok(Meaning::Members(vec![Member::Outside { first: *ip, last: *ip }]))
        }
        EndName::Block(block) => Ok(Meaning::Members(cut(cluster, block)?)),
    }
}

fn node_at(name: &str, ip: IpAddr) -> Member {
    let addresses = match Family::of(ip) {
        Family::V4 => [Some(ip), None],
        Family::V6 => [None, Some(ip)],
    };
    Member::Node { name: name.to_owned(), addresses }
}

fn resolve_endpoint(
    cluster: &Cluster,
    end: &End,
    kind: Option<Kind>,
    namespace: &str,
    name: &str,
) -> Result<Meaning, QuestionError> {
    let not_found = || QuestionError::NotFound(end.to_string());
    let id = cluster.find_namespace(namespace).ok_or_else(not_found)?;
    let mut found: Vec<(Kind, Vec<EndpointId>)> = Vec::new();
    for (own, endpoint) in cluster.endpoints_named(id, name) {
        if kind.is_none_or(|kind| kind == own) {
            found.push((own, vec![endpoint]));
        }
    }
    for (own, stand_ins) in cluster.stand_ins(id, name) {
        let own = Kind::ALL.into_iter().find(|known| known.is_workload() && known.name() == own);
        let Some(own) = own.filter(|own| kind.is_none_or(|kind| kind == *own)) else { continue };
        if !stand_ins.is_empty() && !found.iter().any(|(known, _)| *known == own) {
            found.push((own, stand_ins.to_vec()));
        }
    }
    let completed = || kind.is_none_or(|kind| kind == Kind::Pod) && cluster.is_completed(id, name);
    match found.as_slice() {
        [] if completed() => Err(QuestionError::Completed(end.to_string())),
        [] => Err(not_found()),
        [(_, only)] => Ok(Meaning::Members(only.iter().map(|id| Member::Endpoint(*id)).collect())),
        several => Err(QuestionError::Ambiguous {
            end: end.to_string(),
            kinds: several.iter().map(|(kind, _)| *kind).collect(),
        }),
    }
}

fn resolve_service(
    cluster: &Cluster,
    end: &End,
    namespace: &str,
    service: &Service,
    protocol: Option<Protocol>,
    port: Option<&PortRef>,
) -> Result<Meaning, QuestionError> {
    match cluster.backends(namespace, service, protocol, port) {
        Ok(backends) => Ok(Meaning::Backends(backends)),
        Err(ServiceError::NoSelector) => Ok(Meaning::UnknownBackends),
        Err(error) => Err(QuestionError::Service { end: end.to_string(), error }),
    }
}

/// The pods and nodes that were read within a block, and the ranges of the rest.
fn cut(cluster: &Cluster, block: &Cidr) -> Result<Vec<Member>, QuestionError> {
    let family = block.family();
    let (first, last) = (block.first(), block.last());
    let mut taken: Vec<(u128, Member)> = Vec::new();
    for (ip, pod) in cluster.pods_between(first, last) {
        let at = number(ip);
        if let Some((before, Member::Endpoint(other))) = taken.last()
            && *before == at
        {
            return Err(QuestionError::SharedAddress {
                address: ip,
                pods: [cluster.display(*other), cluster.display(pod)],
            });
        }
        taken.push((at, Member::Endpoint(pod)));
    }
    let pods = taken.len();
    for (ip, node) in cluster.nodes_between(first, last) {
        let at = number(ip);
        let is_pod = taken.get(..pods).unwrap_or_default();
        if is_pod.binary_search_by_key(&at, |(at, _)| *at).is_err() {
            taken.push((at, node_at(node, ip)));
        }
    }
    taken.sort();
    taken.dedup_by_key(|(at, _)| *at);
    if taken.len() > limits::BLOCK_MEMBERS {
        return Err(QuestionError::TooManyMembers { limit: limits::BLOCK_MEMBERS });
    }
    let mut members = Vec::new();
    let mut next = Some(number(first));
    let end = number(last);
    for (at, member) in taken {
        if let Some(start) = next.filter(|start| *start < at) {
            members.push(Member::Outside {
                first: address(family, start),
                last: address(family, at - 1),
            });
        }
        members.push(member);
        next = at.checked_add(1).filter(|next| *next <= end);
    }
    if let Some(start) = next {
        members.push(Member::Outside { first: address(family, start), last });
    }
    Ok(members)
}

/// The numbers that a port name has on an endpoint.
pub(crate) fn named_ports(
    cluster: &Cluster,
    endpoint: EndpointId,
    protocol: Protocol,
    name: &str,
) -> Vec<u16> {
    let Some(endpoint) = cluster.endpoint(endpoint) else { return Vec::new() };
    let name = cluster.symbols().get(name);
    let own = endpoint.ports.iter();
    own.filter(|port| Some(port.name) == name && port.protocol == protocol)
        .map(|port| port.port)
        .collect()
}
