//! `v1` Pod, and the part of its spec that templates share.

use std::net::IpAddr;

use super::Labels;
use crate::netset::Protocol;

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.labels`
    pub labels: Labels,
    /// The owner reference with `controller: true`.
    pub owner: Option<Owner>,
    /// `spec`
    pub spec: PodSpec,
    /// `status.phase`
    pub phase: Phase,
    /// `status.podIPs`, else `[status.podIP]`; at most one of each family counts.
    pub addresses: Vec<IpAddr>,
    /// `status.hostIPs`, else `[status.hostIP]`.
    pub host_addresses: Vec<IpAddr>,
}

/// The part of a pod's spec that tells flows apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSpec {
    /// `nodeName`; templates have it seldom.
    pub node_name: Option<String>,
    /// `hostNetwork`
    pub host_network: bool,
    /// The ports of all `containers` and of the sidecars among `initContainers` (those with
    /// `restartPolicy: Always`), in order (C11).
    pub ports: Vec<ContainerPort>,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerPort {
    /// `name`
    pub name: Option<String>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `containerPort`, from 1 to 65535.
    pub port: u16,
}

/// The controller of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// `apiVersion`: `apps/v1`
    pub api_version: String,
    /// `kind`: `ReplicaSet`; may be a kind that is not read.
    pub kind: String,
    /// `name`
    pub name: String,
}

/// `status.phase`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Missing, empty, `Pending`, `Running` or `Unknown`: the pod may hold its address.
    #[default]
    Live,
    /// `Succeeded` or `Failed` (C20).
    Completed,
}
