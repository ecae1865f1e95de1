//! Who is isolated, and how far each one reaches.

use serde::Serialize;

use super::{API_VERSION, PortJson, traffic};
use crate::cluster::Cluster;
use crate::compile::Cell;
use crate::manifest::document::ObjectKey;
use crate::query::{
    AdminAccept, BaselineDeny, Beyond, Covers, DefaultDeny, DirectionIsolation, Governing,
    Isolation, Reach,
};
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
    /// Whether whatever comes into the namespace is denied what no rule admits.
    pub default_deny: bool,
    /// The NetworkPolicies that see to that.
    pub policies: Vec<String>,
    /// The Baseline rules that do, where no NetworkPolicy isolates; left out if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<BaselineDenyJson>,
    /// How many of those that are there are isolated, by whatever NetworkPolicy.
    pub isolated: u64,
    /// How many never reach the Baseline policies that speak of them, for a NetworkPolicy selects
    /// them for the other direction only (C16); left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond_baseline: Option<BeyondJson>,
    /// The rules of the Admin tier that accept something whatever denies below; left out if there
    /// is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<AcceptJson>,
}

/// A Baseline rule that denies every port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BaselineDenyJson {
    /// Its policy.
    pub policy: String,
    /// The kind of that.
    pub kind: &'static str,
    /// The rule: `spec.ingress[1]`.
    pub rule: String,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With whom: `pods`, `outside` or `everyone`.
    pub covers: &'static str,
}

/// A number of pods and workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BeyondJson {
    /// Under every reading.
    pub certain: u64,
    /// Under some.
    pub depends: u64,
}

/// A rule of the Admin tier that accepts something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptJson {
    /// Its policy.
    pub policy: String,
    /// The kind of that.
    pub kind: &'static str,
    /// The rule: `spec.ingress[1]`.
    pub rule: String,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it does in some readings only.
    pub depends: bool,
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
#[serde(rename_all = "camelCase")]
pub struct DirectionJson {
    /// Whether a NetworkPolicy isolates it.
    pub isolated: bool,
    /// The NetworkPolicies that do.
    pub policies: Vec<String>,
    /// The administrators' policies that speak of it, by tier and rank; left out if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub governed_by: Vec<GoverningJson>,
    /// What this end lets through with anybody in the cluster.
    pub cluster: OpenJson,
    /// What this end lets through with any address outside.
    pub outside: OpenJson,
}

/// A policy of an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GoverningJson {
    /// `Admin` or `Baseline`.
    pub tier: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub policy: String,
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
        default_deny: deny.holds(),
        policies: names(&deny.policies),
        baseline: deny.baseline.iter().map(baseline_deny).collect(),
        isolated: deny.isolated,
        beyond_baseline: (deny.beyond_baseline != Beyond::default()).then(|| {
            let Beyond { certain, depends } = deny.beyond_baseline;
            BeyondJson { certain, depends }
        }),
        accepts: deny.accepts.iter().map(accept).collect(),
    };
    let open =
        |cell: &Cell| OpenJson { allowed: traffic(&cell.allowed), depends: traffic(&cell.depends) };
    let direction = |own: &DirectionIsolation| DirectionJson {
        isolated: !own.policies.is_empty(),
        policies: names(&own.policies),
        governed_by: own.governing.iter().map(governing).collect(),
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

fn baseline_deny(deny: &BaselineDeny) -> BaselineDenyJson {
    BaselineDenyJson {
        policy: say::object(&deny.policy),
        kind: deny.policy.kind.name(),
        rule: deny.path.to_string(),
        name: Some(deny.name.clone()).filter(|name| !name.is_empty()),
        covers: match deny.covers {
            Covers::Pods => "pods",
            Covers::Outside => "outside",
            Covers::Everyone => "everyone",
        },
    }
}

fn accept(accept: &AdminAccept) -> AcceptJson {
    AcceptJson {
        policy: say::object(&accept.policy),
        kind: accept.policy.kind.name(),
        rule: accept.path.to_string(),
        name: Some(accept.name.clone()).filter(|name| !name.is_empty()),
        depends: accept.depends,
    }
}

fn governing(one: &Governing) -> GoverningJson {
    GoverningJson {
        tier: one.tier.name(),
        kind: one.policy.kind.name(),
        policy: say::object(&one.policy),
    }
}
