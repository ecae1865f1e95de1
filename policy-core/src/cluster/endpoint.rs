//! What sends and receives: a pod, or a workload that stands for its pods.

use std::net::IpAddr;

use super::{NamespaceId, Symbol};
use crate::manifest::document::Kind;
use crate::netset::{Family, Protocol};

/// The index of an endpoint; given again only after the endpoint is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u32);

/// A pod that was read, or a workload of which no live pod was (C23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `Pod`, or the workload's kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: NamespaceId,
    /// `metadata.name`
    pub name: Box<str>,
    /// The labels that selectors see, by symbol of the key.
    pub labels: Box<[(Symbol, Symbol)]>,
    /// The container ports that have a name, each once, sorted.
    pub ports: Box<[NamedPort]>,
    /// Whether it is on its node's network (C13).
    pub host_network: bool,
    /// `spec.nodeName`
    pub node: Option<Symbol>,
    /// Its address of each family, IPv4 first.
    pub addresses: [Address; 2],
    /// The workload that it belongs to, if that is not itself (C23).
    pub workload: Option<Box<Workload>>,
}

impl Endpoint {
    /// A pod off the host's network of which rules know no more than its named ports.
    pub(crate) fn bare(ports: Box<[NamedPort]>) -> Endpoint {
        Endpoint {
            kind: Kind::Pod,
            namespace: NamespaceId(0),
            name: "".into(),
            labels: [].into(),
            ports,
            host_network: false,
            node: None,
            addresses: [Address::Unknown; 2],
            workload: None,
        }
    }

    /// The address of a family.
    pub fn address(&self, family: Family) -> Address {
        let [v4, v6] = self.addresses;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// The value of a label.
    pub fn label(&self, key: Symbol) -> Option<Symbol> {
        let at = self.labels.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.labels.get(at).map(|(_, value)| *value)
    }

    /// Whether it is one pod, not a workload of any number.
    pub fn is_pod(&self) -> bool {
        self.kind == Kind::Pod
    }
}

/// A named container port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedPort {
    /// `name`
    pub name: Symbol,
    /// `protocol`
    pub protocol: Protocol,
    /// `containerPort`
    pub port: u16,
}

/// What is known of an endpoint's address of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// It has none: its other address is known.
    Absent,
    /// The manifests do not say (C26).
    Unknown,
    /// This one.
    Known(IpAddr),
}

/// The owner of pods, which may not have been read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Workload {
    /// `kind` of the object or of the reference: `Deployment`.
    pub kind: String,
    /// `name`
    pub name: String,
}

impl Workload {
    /// Kind and name.
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.kind, &self.name)
    }
}
