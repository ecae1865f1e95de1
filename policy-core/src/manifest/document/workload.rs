//! The kinds that make pods from a template.

use super::{Labels, Owner, PodSpec};

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job or CronJob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `metadata.labels` of the object itself, not of its pods.
    pub labels: Labels,
    /// The owner reference with `controller: true`.
    pub owner: Option<Owner>,
    /// The template's `metadata.labels` (of a CronJob, the template in `jobTemplate`).
    pub template_labels: Labels,
    /// The template's `spec`.
    pub template: PodSpec,
}
