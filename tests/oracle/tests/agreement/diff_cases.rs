//! Small pairs of worlds that a diff once told wrongly, by hand.

use std::net::IpAddr;

use policy_core::profile::Profile;
use policy_core::query::{Diff, Reach};
use serde_json::{Value, json};

use super::compare::How;
use super::diff::check;
use super::small::pod;

fn checked(before: &[Value], after: &[Value]) -> Diff {
    check(before, after, &How { profile: Profile::Spec, pod_cidrs: Vec::new() })
}

fn policy(labels: &Value, types: &Value, egress: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
           "metadata": {"name": "p", "namespace": "x"},
           "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": types, "egress": egress}})
}

/// The pod stands in the place of the other among those whom its like may reach: it reaches one
/// less all the same, as it is none of those whom it reaches.
#[test]
fn a_pod_loses_another_and_gains_its_like() {
    let pods = ["a", "b"].map(|app| pod("x", app, json!({"app": app}), json!({}), &[]));
    let with_only = |app: &str| {
        let peers = json!([{"podSelector": {"matchLabels": {"app": app}}}]);
        let both = json!(["Ingress", "Egress"]);
        let mut policy = policy(&json!({"app": "a"}), &both, &json!([{"to": peers}]));
        policy["spec"]["ingress"] = json!([{"from": peers}]);
        [&pods[..], &[policy]].concat()
    };
    let found = checked(&with_only("b"), &with_only("a"));
    let moved = Some((Reach { allowed: 1, depends: 0 }, Reach::default()));
    for name in ["x/a", "x/b"] {
        let own = found.radius.iter().find(|one| one.units == [name]).unwrap();
        assert_eq!((own.reaches, own.reached_by), (moved, moved), "{name}");
    }
}

/// At the address of the node either change would do alone; at any other the policy does.
#[test]
fn an_address_of_a_node_has_causes_of_its_own() {
    let deny = json!({"apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy", "metadata": {"name": "no-nodes"},
        "spec": {"tier": "Admin", "priority": 0, "subject": {"namespaces": {}},
                 "egress": [{"action": "Deny", "to": [{"nodes": {}}]}]}});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.3"}]}});
    let before = [pod("x", "a", json!({}), json!({}), &[]), deny];
    let isolated = policy(&json!({}), &json!(["Egress"]), &json!([]));
    let found = checked(&before, &[&before[..], &[node, isolated]].concat());
    let at = |ip: &str| -> Vec<&str> {
        let ip: IpAddr = ip.parse().unwrap();
        let mut blocks = found.blocks.iter().filter(|block| {
            block.to.addresses.iter().any(|(first, last)| (*first..=*last).contains(&ip))
        });
        let block = blocks.next().unwrap();
        assert!(blocks.next().is_none());
        block.because.iter().map(|cause| cause.name.as_str()).collect()
    };
    assert_eq!(at("10.0.0.3"), ["p", "n"]);
    assert_eq!(at("10.0.0.4"), ["p"]);
}

/// The policy selects the pod as it was and not as it is: alone it would have closed what the pod
/// closes alone, by having no such address any more.
#[test]
fn a_policy_counts_that_selects_between_the_sides() {
    let was = pod("x", "a", json!({"app": "a"}), json!({}), &["2001:db8::1"]);
    let is = pod("x", "a", json!({}), json!({}), &["10.0.0.1"]);
    let isolated = policy(&json!({"app": "a"}), &json!(["Ingress"]), &json!([]));
    let found = checked(&[was], &[is, isolated]);
    let closed = found.blocks.iter().find(|block| block.before > block.after).unwrap();
    let because: Vec<&str> = closed.because.iter().map(|cause| cause.kind.as_str()).collect();
    assert_eq!(because, ["NetworkPolicy", "Pod"]);
}
