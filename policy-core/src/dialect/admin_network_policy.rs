//! `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy and BaselineAdminNetworkPolicy: rules in
//! order, the first that matches decides; they isolate nobody.

use super::admin_policy;
use crate::manifest::document::{AdminPolicy, ObjectKey, Place};
use crate::rulebook::Policy;

/// The rules of an AdminNetworkPolicy or of the BaselineAdminNetworkPolicy.
pub(crate) fn lower(key: &ObjectKey, place: Place, policy: &AdminPolicy) -> Policy {
    admin_policy::lower(key, place, policy, 1)
}
