//! What a diff looks at follows the size of the change, and not that of the world.

use std::collections::BTreeSet;

use policy_core::profile::Profile;
use policy_core::query::DiffWork;
use serde_json::{Value, json};

use super::compare::How;
use super::diff::engine_diff;
use super::small::pod;

/// How many pods a namespace has; a rule tells each from the others.
const PODS: usize = 6;

fn namespace(name: &str, team: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
           "metadata": {"name": name, "labels": {"team": team}}})
}

fn policy(namespace: &str, shard: usize, peer: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
           "metadata": {"name": format!("shard-{shard}"), "namespace": namespace},
           "spec": {"podSelector": {"matchLabels": {"shard": format!("s{shard}")}},
                    "ingress": [{"from": [peer], "ports": [{"port": 8000 + shard}]}]}})
}

/// So many namespaces of pods and policies of their own; in the first two a rule asks for a team.
fn world(namespaces: usize) -> Vec<Value> {
    let mut objects = Vec::new();
    for at in 0..namespaces {
        let name = format!("n{at}");
        objects.push(namespace(&name, &name));
        for shard in 0..PODS {
            let labels = json!({"shard": format!("s{shard}")});
            let ip = format!("10.{at}.0.{shard}");
            objects.push(pod(&name, &format!("p{shard}"), labels, json!({}), &[&ip]));
            let peer = match (at, shard) {
                (0 | 1, 0) => json!({"namespaceSelector": {"matchLabels": {"team": "red"}}}),
                _ => json!({"podSelector": {}}),
            };
            objects.push(policy(&name, shard, &peer));
        }
    }
    objects
}

/// What is looked at where one object of a world takes the place of its own.
fn work(namespaces: usize, changed: &Value) -> DiffWork {
    let before = world(namespaces);
    let mut after = before.clone();
    super::changes::replace(&mut after, changed);
    let how = How { profile: Profile::Spec, pod_cidrs: Vec::new() };
    let (found, policy) = engine_diff(&before, &after, &how);
    assert!(!found.blocks.is_empty());
    let classes: BTreeSet<_> =
        policy.cluster().endpoints().filter_map(|(id, _)| policy.class_of(id)).collect();
    assert_eq!(classes.len(), namespaces * PODS);
    found.work
}

fn agrees(changed: &Value, bound: DiffWork) {
    let few = work(4, changed);
    assert!(few.rows > 0 && few.rows <= bound.rows, "{few:?}");
    assert!(few.parts > 0 && few.parts <= bound.parts, "{few:?}");
    assert_eq!(work(40, changed), few);
}

#[test]
fn one_policy_costs_what_it_selects() {
    let peer = json!({"podSelector": {"matchLabels": {"shard": "s1"}}});
    agrees(&policy("n0", 3, &peer), DiffWork { rows: 4, parts: 2 });
}

#[test]
fn a_relabelled_namespace_costs_the_rows_that_ask_for_it() {
    agrees(&namespace("n3", "red"), DiffWork { rows: 4, parts: 2 });
}
