//! Who enforces: which reading of the implementation-defined clauses holds.
//!
//! A table: one row a clause, one column a profile. What a cell settles, and its source, stands in
//! `docs/semantics/profiles.md`, with a case whose verdict it changes.

use std::fmt;

/// Who enforces the policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Nobody in particular: only what the specification or the upstream tests settle.
    #[default]
    Spec,
    /// Calico
    Calico,
    /// Cilium
    Cilium,
    /// Antrea
    Antrea,
    /// OVN-Kubernetes
    OvnKubernetes,
    /// kube-network-policies
    KubeNetworkPolicies,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 6] = [
        Profile::Spec,
        Profile::Calico,
        Profile::Cilium,
        Profile::Antrea,
        Profile::OvnKubernetes,
        Profile::KubeNetworkPolicies,
    ];

    /// The name as `--profile` takes it: `ovn-kubernetes`.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Spec => "spec",
            Profile::Calico => "calico",
            Profile::Cilium => "cilium",
            Profile::Antrea => "antrea",
            Profile::OvnKubernetes => "ovn-kubernetes",
            Profile::KubeNetworkPolicies => "kube-network-policies",
        }
    }

    /// The profile of a name.
    pub fn parse(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// What an `ipBlock` covers inside the cluster (C8).
    pub fn block_covers(self) -> BlockCovers {
        match self {
            Profile::Cilium => BlockCovers::OutsideOnly,
            Profile::Spec
            | Profile::Calico
            | Profile::Antrea
            | Profile::OvnKubernetes
            | Profile::KubeNetworkPolicies => BlockCovers::EveryAddress,
        }
    }

    /// What a pod on the host's network is (C13): the readings that remain.
    pub fn host_network(self) -> &'static [HostNetwork] {
        match self {
            Profile::Spec => &[HostNetwork::Ordinary, HostNetwork::Node],
            Profile::Calico
            | Profile::Cilium
            | Profile::Antrea
            | Profile::OvnKubernetes
            | Profile::KubeNetworkPolicies => &[HostNetwork::Node],
        }
    }

    /// Whom a Baseline rule reaches of those that a NetworkPolicy selects for the other direction
    /// (C16): the readings that remain.
    pub fn baseline_reach(self) -> &'static [BaselineReach] {
        match self {
            Profile::Spec | Profile::Calico | Profile::Cilium => {
                &[BaselineReach::Direction, BaselineReach::Pod]
            }
            Profile::Antrea | Profile::OvnKubernetes => &[BaselineReach::Direction],
            Profile::KubeNetworkPolicies => &[BaselineReach::Pod],
        }
    }

    /// What a pod's egress to its own node is (C14): the readings that remain.
    pub fn own_node_egress(self) -> &'static [OwnNodeEgress] {
        match self {
            Profile::Spec
            | Profile::Calico
            | Profile::Cilium
            | Profile::Antrea
            | Profile::OvnKubernetes
            | Profile::KubeNetworkPolicies => &[OwnNodeEgress::Subject, OwnNodeEgress::Exempt],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an `ipBlock` covers inside the cluster (C8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockCovers {
    /// Addresses of pods and nodes as any other.
    EveryAddress,
    /// Neither pods nor nodes.
    OutsideOnly,
}

/// A reading of C13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNetwork {
    /// A pod as any other.
    Ordinary,
    /// Its node: never a subject, matched by no selector.
    Node,
}

/// A reading of C16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineReach {
    /// A direction for which no NetworkPolicy isolates goes on to Baseline.
    Direction,
    /// A pod that any NetworkPolicy selects never reaches Baseline: that direction is allowed.
    Pod,
}

/// A reading of C14 for egress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnNodeEgress {
    /// Policies apply.
    Subject,
    /// Always allowed.
    Exempt,
}
