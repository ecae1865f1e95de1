//! `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy: rules in order, the first that matches
//! decides; it isolates nobody.

use super::admin_policy;
use crate::manifest::document::{AdminPolicy, ObjectKey, Place};
use crate::rulebook::Policy;

/// The rules of a ClusterNetworkPolicy.
pub(crate) fn lower(key: &ObjectKey, place: Place, policy: &AdminPolicy) -> Policy {
    admin_policy::lower(key, place, policy, 2)
}
