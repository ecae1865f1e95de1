//! `v1` Service.

use std::net::IpAddr;

use super::{Labels, PortRef};
use crate::netset::Protocol;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `spec.selector`; none if missing, null or empty (C10: its endpoints are a missing fact).
    pub selector: Option<Labels>,
    /// `spec.type`
    pub service_type: ServiceType,
    /// Whether `spec.clusterIP` is `None`.
    pub headless: bool,
    /// `spec.clusterIPs`, else `[spec.clusterIP]`; without `None` and empty ones.
    pub cluster_addresses: Vec<IpAddr>,
    /// `spec.externalIPs` and `status.loadBalancer.ingress[*].ip`.
    pub external_addresses: Vec<IpAddr>,
    /// `spec.externalName`
    pub external_name: Option<String>,
    /// `spec.ports`
    pub ports: Vec<ServicePort>,
}

/// `spec.type` of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// The default.
    #[default]
    ClusterIp,
    /// `NodePort`
    NodePort,
    /// `LoadBalancer`
    LoadBalancer,
    /// `ExternalName`
    ExternalName,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`
    pub name: Option<String>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `port`
    pub port: u16,
    /// `targetPort`; `port` itself if missing, 0 or empty.
    pub target: PortRef,
    /// `nodePort`
    pub node_port: Option<u16>,
}
