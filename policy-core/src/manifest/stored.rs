//! A `spec` as the API server would store it: without unknown fields, but for custom resources
//! without empty ones, and a policy's defaults filled in.

use serde_json::{Map, Value as Json};

use super::document::Kind;
use super::schema::{self, Stored};
use super::{NodeId, Tree};

/// The `spec` of an object that was accepted.
pub(super) fn spec(tree: &Tree<'_>, top: NodeId, kind: Kind) -> Option<Json> {
    let spec = schema::stored(tree, top, kind, "spec");
    if kind.is_custom() {
        return match spec {
            Stored::Value(mut spec) => {
                match kind {
                    Kind::IsolationRule => rule_defaults(&mut spec),
                    _ => default_protocols(&mut spec),
                }
                Some(spec)
            }
            Stored::Empty | Stored::Missing => None,
        };
    }
    match (kind, spec) {
        (Kind::NetworkPolicy, Stored::Empty | Stored::Missing) => Some(with_defaults(Map::new())),
        (Kind::NetworkPolicy, Stored::Value(Json::Object(spec))) => Some(with_defaults(spec)),
        (_, Stored::Value(spec)) => Some(spec),
        (_, Stored::Empty | Stored::Missing) => None,
    }
}

/// Fills in what an IsolationRule leaves out, as its definition does.
fn rule_defaults(spec: &mut Json) {
    let Some(spec) = spec.as_object_mut() else { return };
    spec.entry("severity").or_insert_with(|| Json::from("error"));
    spec.entry("allowEmpty").or_insert_with(|| Json::from(false));
    if let Some(require) = spec.get_mut("require").and_then(Json::as_object_mut) {
        require.entry("reach").or_insert_with(|| Json::from("All"));
    }
    if let Some(isolated) = spec.get_mut("isolated").and_then(Json::as_object_mut) {
        let both = || Json::from(vec!["Ingress", "Egress"]);
        isolated.entry("directions").or_insert_with(both);
    }
}

/// Fills in the protocols of the ports of v1alpha1, as its definition does.
fn default_protocols(spec: &mut Json) {
    for field in ["ingress", "egress"] {
        let rules = spec.get_mut(field).and_then(Json::as_array_mut);
        let ports = rules.into_iter().flatten().filter_map(|rule| rule.get_mut("ports"));
        for port in ports.filter_map(Json::as_array_mut).flatten() {
            for kind in ["portNumber", "portRange"] {
                if let Some(port) = port.get_mut(kind).and_then(Json::as_object_mut) {
                    port.entry("protocol").or_insert_with(|| Json::from("TCP"));
                }
            }
        }
    }
}

fn with_defaults(mut spec: Map<String, Json>) -> Json {
    spec.entry("podSelector").or_insert_with(|| Json::Object(Map::new()));
    let has_egress = spec.contains_key("egress");
    spec.entry("policyTypes").or_insert_with(|| {
        let types: &[&str] = if has_egress { &["Ingress", "Egress"] } else { &["Ingress"] };
        types.iter().copied().map(Json::from).collect()
    });
    for field in ["ingress", "egress"] {
        let rules = spec.get_mut(field).and_then(Json::as_array_mut);
        let ports = rules.into_iter().flatten().filter_map(|rule| rule.get_mut("ports"));
        for port in ports.filter_map(Json::as_array_mut).flatten() {
            if let Some(port) = port.as_object_mut() {
                port.entry("protocol").or_insert_with(|| Json::from("TCP"));
            }
        }
    }
    Json::Object(spec)
}
