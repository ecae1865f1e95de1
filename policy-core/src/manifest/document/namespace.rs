//! `v1` Namespace.

use super::Labels;

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// `metadata.labels`, as written: the engine sets `kubernetes.io/metadata.name` itself (C22).
    pub labels: Labels,
}
