//! The policies of cluster administrators: `policy.networking.k8s.io` ClusterNetworkPolicy
//! (v1alpha2), AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1), which differ in
//! spelling only.

use super::LabelSelector;
use crate::netset::{Cidr, Protocol};

/// A policy of an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPolicy {
    /// Before or behind the NetworkPolicies.
    pub tier: AdminTier,
    /// `spec.priority`, from 0 to 1000: the lowest first. 0 for the one
    /// BaselineAdminNetworkPolicy.
    pub priority: u16,
    /// `spec.subject`
    pub subject: NamespacedPods,
    /// `spec.ingress`
    pub ingress: Vec<AdminRule>,
    /// `spec.egress`
    pub egress: Vec<AdminRule>,
}

/// The tier of an administrator's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminTier {
    /// Asked first.
    Admin,
    /// Asked last.
    Baseline,
}

/// Pods by the labels of their namespaces and their own; never those on the host's network.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedPods {
    /// Which namespaces.
    pub namespaces: LabelSelector,
    /// Which pods there.
    pub pods: LabelSelector,
}

/// A rule; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRule {
    /// `name`; empty if there is none.
    pub name: String,
    /// `action`
    pub action: Action,
    /// `from` or `to`; none if one of them is of an unknown kind or cannot be evaluated: the rule
    /// then fails closed.
    pub peers: Option<Vec<AdminPeer>>,
    /// `protocols` (v1alpha2) or `ports` (v1alpha1); none is every port of every protocol.
    pub ports: Option<Vec<AdminPort>>,
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `Accept`, in v1alpha1 `Allow`: final for the direction.
    Accept,
    /// Final for the direction.
    Deny,
    /// Leaves the tier.
    Pass,
}

/// An item of `from` or `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPeer {
    /// `namespaces`, or `pods`.
    Pods(NamespacedPods),
    /// `nodes`, by their labels.
    Nodes(LabelSelector),
    /// `networks`, which cover pods and nodes, too.
    Networks(Vec<Cidr>),
    /// `domainNames`, lower-case, without a dot at the end; `*.` at the beginning of some.
    DomainNames(Vec<String>),
}

/// An item of `protocols` or `ports`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminPort {
    /// From the first to the last, both included.
    Range(Protocol, u16, u16),
    /// What the destination calls so, under any protocol.
    Named(String),
    /// A protocol that is none of the three, or a range whose start is above its end: nothing.
    Nothing,
}
