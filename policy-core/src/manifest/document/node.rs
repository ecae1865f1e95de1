//! `v1` Node.

use std::net::IpAddr;

use super::Labels;
use crate::netset::Cidr;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `metadata.labels`
    pub labels: Labels,
    /// The addresses among `status.addresses` (`InternalIP` before `ExternalIP`, else in order;
    /// host names are not kept).
    pub addresses: Vec<IpAddr>,
    /// `spec.podCIDRs`, else `[spec.podCIDR]`.
    pub pod_cidrs: Vec<Cidr>,
}
