//! `networking.k8s.io/v1` NetworkPolicy, as the API server would store it.

use super::Labels;
use crate::netset::{Cidr, Direction, Protocol};

/// A policy: accepted, with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// `spec.podSelector` (C1)
    pub pod_selector: LabelSelector,
    /// Whether it isolates for ingress (C2).
    pub isolates_ingress: bool,
    /// Whether it isolates for egress (C2).
    pub isolates_egress: bool,
    /// `spec.ingress`; kept though dead where `policyTypes` leaves Ingress out (C24).
    pub ingress: Vec<Rule>,
    /// `spec.egress`
    pub egress: Vec<Rule>,
}

impl NetworkPolicy {
    /// Whether the policy isolates what it selects for a direction.
    pub fn isolates(&self, direction: Direction) -> bool {
        match direction {
            Direction::Ingress => self.isolates_ingress,
            Direction::Egress => self.isolates_egress,
        }
    }

    /// The rules of a direction, in order.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// An item of `ingress` or `egress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `ports`; none is every port of every protocol (C5).
    pub ports: Vec<PolicyPort>,
    /// `from` or `to`; none is every peer (C4).
    pub peers: Vec<Peer>,
}

/// An item of `ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPort {
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `port`; none is every port of the protocol.
    pub port: Option<PortRef>,
    /// `endPort`, at least `port`; only beside a number (C12).
    pub end_port: Option<u16>,
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortRef {
    /// A number from 1 to 65535.
    Number(u16),
    /// The name of a container port.
    Name(String),
}

/// An item of `from` or `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `podSelector`, `namespaceSelector` or both (C6); never neither.
    Pods {
        /// `podSelector`; none is every pod.
        pod_selector: Option<LabelSelector>,
        /// `namespaceSelector`; none is the policy's own namespace.
        namespace_selector: Option<LabelSelector>,
    },
    /// `ipBlock` (C8, C9)
    IpBlock {
        /// `cidr`
        cidr: Cidr,
        /// `except`, each a strict subset of `cidr`.
        except: Vec<Cidr>,
    },
}

/// A label selector; the empty one matches everything (C7).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector {
    /// `matchLabels`
    pub match_labels: Labels,
    /// `matchExpressions`
    pub match_expressions: Vec<Requirement>,
}

/// An item of `matchExpressions`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// `key`
    pub key: String,
    /// `operator`
    pub operator: Operator,
    /// `values`; of `In` and `NotIn` at least one, else none.
    pub values: Vec<String>,
}

/// The operator of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The key is there, with one of the values.
    In,
    /// The key is missing, or its value is none of these.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is missing.
    DoesNotExist,
}
