//! What the engine keeps of a Kubernetes object: plain data, valid by construction.
//!
//! No field has a span: [`Place`] says where the object stands, and a place inside of it is found
//! by reading the document again.

mod admin_policy;
mod isolation_rule;
mod namespace;
mod network_policy;
mod node;
mod pod;
mod service;
mod workload;

use std::fmt;

pub use admin_policy::{
    Action, AdminPeer, AdminPolicy, AdminPort, AdminRule, AdminTier, NamespacedPods,
};
pub use isolation_rule::{
    Exception, IsolationRule, Promise, RuleFlows, RuleGroup, RuleGroups, RulePeer, RuleReach,
    RuleSeverity,
};
pub use namespace::Namespace;
pub use network_policy::{
    LabelSelector, NetworkPolicy, Operator, Peer, PolicyPort, PortRef, Requirement, Rule,
};
pub use node::Node;
pub use pod::{ContainerPort, Owner, Phase, Pod, PodSpec};
pub use service::{Service, ServicePort, ServiceType};
pub use workload::Workload;

/// A kind that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace
    Namespace,
    /// `v1` Node
    Node,
    /// `v1` Pod
    Pod,
    /// `apps/v1` Deployment
    Deployment,
    /// `apps/v1` StatefulSet
    StatefulSet,
    /// `apps/v1` DaemonSet
    DaemonSet,
    /// `apps/v1` ReplicaSet
    ReplicaSet,
    /// `v1` ReplicationController
    ReplicationController,
    /// `batch/v1` Job
    Job,
    /// `batch/v1` CronJob
    CronJob,
    /// `v1` Service
    Service,
    /// `networking.k8s.io/v1` NetworkPolicy
    NetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy
    ClusterNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy
    AdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1` BaselineAdminNetworkPolicy
    BaselineAdminNetworkPolicy,
    /// `netverdict.dev/v1alpha1` IsolationRule
    IsolationRule,
}

impl Kind {
    /// Every kind that is read.
    pub const ALL: [Kind; 16] = [
        Kind::Namespace,
        Kind::Node,
        Kind::Pod,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ReplicaSet,
        Kind::ReplicationController,
        Kind::Job,
        Kind::CronJob,
        Kind::Service,
        Kind::NetworkPolicy,
        Kind::ClusterNetworkPolicy,
        Kind::AdminNetworkPolicy,
        Kind::BaselineAdminNetworkPolicy,
        Kind::IsolationRule,
    ];

    /// The name as `kind` spells it: `NetworkPolicy`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::ReplicationController => "ReplicationController",
            Kind::Job => "Job",
            Kind::CronJob => "CronJob",
            Kind::Service => "Service",
            Kind::NetworkPolicy => "NetworkPolicy",
            Kind::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            Kind::AdminNetworkPolicy => "AdminNetworkPolicy",
            Kind::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Kind::IsolationRule => "IsolationRule",
        }
    }

    /// The one `apiVersion` under which the kind is read: `networking.k8s.io/v1`.
    pub fn api_version(self) -> &'static str {
        match self {
            Kind::Namespace
            | Kind::Node
            | Kind::Pod
            | Kind::ReplicationController
            | Kind::Service => "v1",
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => "apps/v1",
            Kind::Job | Kind::CronJob => "batch/v1",
            Kind::NetworkPolicy => "networking.k8s.io/v1",
            Kind::ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
            Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy => {
                "policy.networking.k8s.io/v1alpha1"
            }
            Kind::IsolationRule => "netverdict.dev/v1alpha1",
        }
    }

    /// Whether objects of this kind stand in a namespace.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node | Kind::IsolationRule)
            && !self.is_admin_policy()
    }

    /// Whether it is a kind of policy.
    pub fn is_policy(self) -> bool {
        self == Kind::NetworkPolicy || self.is_admin_policy()
    }

    /// Whether it is a kind of policy of cluster administrators.
    pub fn is_admin_policy(self) -> bool {
        matches!(
            self,
            Kind::ClusterNetworkPolicy
                | Kind::AdminNetworkPolicy
                | Kind::BaselineAdminNetworkPolicy
        )
    }

    /// Whether it is a custom resource's kind.
    pub fn is_custom(self) -> bool {
        self.is_admin_policy() || self == Kind::IsolationRule
    }

    /// Whether it is a kind that makes pods from a template.
    pub fn is_workload(self) -> bool {
        matches!(
            self,
            Kind::Deployment
                | Kind::StatefulSet
                | Kind::DaemonSet
                | Kind::ReplicaSet
                | Kind::ReplicationController
                | Kind::Job
                | Kind::CronJob
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What makes an object the same object: `NetworkPolicy payments/deny-all`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for a kind that has none.
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
}

/// Where an object was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The index of its source among those that were read.
    pub source: u32,
    /// The index of its document in the source, from 0, as `---` separates them.
    pub document: u32,
    /// Its index in the `items` of a list, if it stood in one.
    pub item: Option<u32>,
}

/// An object that was read and accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Kind, namespace and name.
    pub key: ObjectKey,
    /// Where it was read.
    pub place: Place,
    /// What it says.
    pub body: Body,
}

/// What an object says, by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A namespace.
    Namespace(Namespace),
    /// A node.
    Node(Node),
    /// A pod.
    Pod(Pod),
    /// An object that makes pods from a template.
    Workload(Workload),
    /// A service.
    Service(Service),
    /// A policy of a team.
    NetworkPolicy(NetworkPolicy),
    /// A policy of a cluster administrator.
    AdminPolicy(AdminPolicy),
    /// A promise about flows.
    IsolationRule(IsolationRule),
}

/// Labels, sorted by key, each key once.
///
/// One text with the ends of its parts: a cluster has a million of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels {
    text: Box<str>,
    /// Where each key ends and the value behind it.
    ends: Box<[(u32, u32)]>,
}

impl Labels {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// Every key and value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |(key_end, value_end)| {
            let (key_end, value_end) = (*key_end as usize, *value_end as usize);
            let key = self.text.get(start..key_end).unwrap_or("");
            let value = self.text.get(key_end..value_end).unwrap_or("");
            start = value_end;
            (key, value)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    /// Of two of one key the later counts.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Labels {
        let mut all: Vec<(&str, &str)> = pairs.into_iter().collect();
        all.reverse();
        all.sort_by_key(|(key, _)| *key);
        all.dedup_by_key(|(key, _)| *key);
        let bytes = all.iter().map(|(key, value)| key.len() + value.len()).sum();
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(all.len());
        let end = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        for (key, value) in all {
            text.push_str(key);
            let key_end = end(&text);
            text.push_str(value);
            ends.push((key_end, end(&text)));
        }
        Labels { text: text.into(), ends: ends.into() }
    }
}
