//! Who is isolated, and how far each one reaches.

use serde::Serialize;

use super::{API_VERSION, PortJson, traffic};
use crate::cluster::Cluster;
use crate::compile::Cell;
use crate::manifest::document::ObjectKey;
use crate::query::{DefaultDeny, DirectionIsolation, Isolation, Reach};
use crate::say;

/// The document of `netverdict isolation -o json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IsolationJson {
    /// The version of this document.
    pub api_version: &'static str,
    /// Every namespace, by name.
    pub namespaces: Vec<NamespaceJson>,
    /// Every pod and workload, by namespace and name.
    pub endpoints: Vec<EndpointJson>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamespaceJson {
    /// Its name.
    pub namespace: String,
    /// How many pods and workloads it has.
    pub endpoints: u64,
    /// Towards them.
    pub ingress: DefaultDenyJson,
    /// Away from them.
    pub egress: DefaultDenyJson,
}

/// Whether a default deny holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DefaultDenyJson {
    /// Whether whatever comes into the namespace is isolated.
    pub default_deny: bool,
    /// The policies that see to that.
    pub policies: Vec<String>,
    /// How many of those that are there are isolated, by whatever policy.
    pub isolated: u64,
}

/// A pod or workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EndpointJson {
    /// Its name.
    pub endpoint: String,
    /// Towards it.
    pub ingress: DirectionJson,
    /// Away from it.
    pub egress: DirectionJson,
    /// How many pods it reaches, on any port, itself aside.
    pub reaches: ReachJson,
    /// How many pods reach it, on any port, itself aside.
    pub reached_by: ReachJson,
}

/// One direction of a pod or workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectionJson {
    /// Whether a policy isolates it.
    pub isolated: bool,
    /// The policies that do.
    pub policies: Vec<String>,
    /// What this end lets through with anybody in the cluster.
    pub cluster: OpenJson,
    /// What this end lets through with any address outside.
    pub outside: OpenJson,
}

/// What is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenJson {
    /// For certain.
    pub allowed: Vec<PortJson>,
    /// In some readings.
    pub depends: Vec<PortJson>,
}

/// A number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReachJson {
    /// On some port, for certain.
    pub allowed: u64,
    /// On some port in some reading, on none for certain.
    pub depends: u64,
}

/// The document; `shown` says which namespaces.
pub fn isolation(
    isolation: &Isolation,
    cluster: &Cluster,
    shown: impl Fn(&str) -> bool,
) -> IsolationJson {
    let names = |keys: &[ObjectKey]| keys.iter().map(say::object).collect();
    let deny = |deny: &DefaultDeny| DefaultDenyJson {
        default_deny: !deny.policies.is_empty(),
        policies: names(&deny.policies),
        isolated: deny.isolated,
    };
    let open =
        |cell: &Cell| OpenJson { allowed: traffic(&cell.allowed), depends: traffic(&cell.depends) };
    let direction = |own: &DirectionIsolation| DirectionJson {
        isolated: !own.policies.is_empty(),
        policies: names(&own.policies),
        cluster: open(&own.cluster),
        outside: open(&own.outside),
    };
    let reach = |reach: Reach| ReachJson { allowed: reach.allowed, depends: reach.depends };
    let namespaces = isolation.namespaces.iter().filter(|one| shown(&one.name));
    let endpoints = isolation.endpoints.iter().filter(|one| shown(&one.namespace));
    IsolationJson {
        api_version: API_VERSION,
        namespaces: namespaces
            .map(|one| NamespaceJson {
                namespace: one.name.clone(),
                endpoints: one.endpoints,
                ingress: deny(&one.ingress),
                egress: deny(&one.egress),
            })
            .collect(),
        endpoints: endpoints
            .map(|one| EndpointJson {
                endpoint: cluster.display(one.endpoint),
                ingress: direction(&one.ingress),
                egress: direction(&one.egress),
                reaches: reach(one.reaches),
                reached_by: reach(one.reached_by),
            })
            .collect(),
    }
}
