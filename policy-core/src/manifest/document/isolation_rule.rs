//! `netverdict.dev/v1alpha1` IsolationRule: what must hold, whatever the policies say.

use super::{LabelSelector, PolicyPort};
use crate::netset::{Cidr, Direction};

/// A promise about flows, kept in Git beside the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationRule {
    /// `spec.severity`: how bad it is if it does not hold.
    pub severity: RuleSeverity,
    /// `spec.message`: why it must hold, in the words of who wrote it; empty if there is none.
    pub message: String,
    /// `spec.allowEmpty`: whether a list of peers that matches nobody is fine.
    pub allow_empty: bool,
    /// What must hold.
    pub promise: Promise,
}

/// How bad it is if a rule does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSeverity {
    /// `error`, the default.
    #[default]
    Error,
    /// `warning`
    Warning,
    /// `info`
    Info,
}

/// What must hold: exactly one of the four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// `forbid`: nothing flows from these to those on these ports, but for what is excepted.
    Forbid {
        /// `from`, `to` and `ports`
        flows: RuleFlows,
        /// `except`
        except: Vec<Exception>,
    },
    /// `require`: it flows.
    Require {
        /// `from`, `to` and `ports`
        flows: RuleFlows,
        /// `reach`
        reach: RuleReach,
    },
    /// `isolated`: NetworkPolicies select each of these pods, for each of these directions.
    Isolated {
        /// `pods`
        pods: Vec<RulePeer>,
        /// `except`
        except: Vec<RulePeer>,
        /// `directions`, ingress first; never none.
        directions: Vec<Direction>,
    },
    /// `separate`: nothing flows from a group to another, but for what is excepted.
    Separate {
        /// `groups` or `byLabel`
        groups: RuleGroups,
        /// `except`
        except: Vec<Exception>,
    },
}

/// From whom, to whom, on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFlows {
    /// `from`, never empty.
    pub from: Vec<RulePeer>,
    /// `to`, never empty.
    pub to: Vec<RulePeer>,
    /// `ports`; none is every port of TCP, UDP and SCTP.
    pub ports: Option<Vec<PolicyPort>>,
}

/// An item of `except`: a missing part is the rule's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// `from`
    pub from: Option<Vec<RulePeer>>,
    /// `to`
    pub to: Option<Vec<RulePeer>>,
    /// `ports`
    pub ports: Option<Vec<PolicyPort>>,
}

/// An item of `from`, `to` or `pods`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePeer {
    /// Pods by the labels of their namespace and their own; none on the host's network, none that
    /// ended.
    Pods {
        /// `namespaceSelector`
        namespaces: LabelSelector,
        /// `podSelector`; a missing one is `{}`.
        pods: LabelSelector,
    },
    /// `ipBlock`: addresses, those of pods and nodes included (C8).
    IpBlock {
        /// `cidr`
        cidr: Cidr,
        /// `except`, each a strict subset of `cidr`.
        except: Vec<Cidr>,
    },
    /// `outside: {}`: every address that no pod and no node that was read has.
    Outside,
}

/// How much of what is required must flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleReach {
    /// `All`, the default: each source to each destination on each port.
    #[default]
    All,
    /// `Any`: each source to at least one destination on at least one port.
    Any,
}

/// The groups that a rule keeps apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleGroups {
    /// `groups`: namespaces by name of the group.
    Named(Vec<RuleGroup>),
    /// `byLabel`: namespaces by the value of this label, a group for each.
    ByLabel(String),
}

/// An item of `groups`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleGroup {
    /// `name`
    pub name: String,
    /// `namespaceSelector`
    pub namespaces: LabelSelector,
}
