//! Policy documents to rules: one file a kind.

mod admin_network_policy;
mod admin_policy;
mod cluster_network_policy;
mod network_policy;

use crate::manifest::document::{Body, Kind, Object};
use crate::rulebook::Policy;

/// The rules of a policy object; none for any other kind.
pub fn lower(object: &Object) -> Option<Policy> {
    match &object.body {
        Body::NetworkPolicy(policy) => {
            Some(network_policy::lower(&object.key, object.place, policy))
        }
        Body::AdminPolicy(policy) => Some(match object.key.kind {
            Kind::ClusterNetworkPolicy => {
                cluster_network_policy::lower(&object.key, object.place, policy)
            }
            _ => admin_network_policy::lower(&object.key, object.place, policy),
        }),
        Body::Namespace(_)
        | Body::Node(_)
        | Body::Pod(_)
        | Body::Workload(_)
        | Body::Service(_)
        | Body::IsolationRule(_) => None,
    }
}
