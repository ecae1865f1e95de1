//! Pods that are replaced by pods of other names are told of by their workload.

use policy_core::query::{Diff, Effect};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::diff::{Side, Step, engine_diff, expected, radius_agrees, step, stepped, turns_of};
use super::random::{cluster, how, labels};

/// The pods of one ReplicaSet of a Deployment, neither of which is read.
fn pods(hash: &str, count: usize, labels: &Value) -> Vec<Value> {
    let pod = |at: usize| {
        let mut labels = labels.clone();
        labels["pod-template-hash"] = json!(hash);
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
                           "name": format!("web-{hash}"), "controller": true});
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": format!("web-{hash}-{at}"), "namespace": "x", "labels": labels,
                            "ownerReferences": [owner]},
               "spec": {"containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 80}]}]}})
    };
    (0..count).map(pod).collect()
}

/// Both sides: the world before and after some steps, each with its own pods.
fn sides(
    objects: &[Value],
    steps: &[Step],
    (was, is): (&[Value], &[Value]),
) -> (Vec<Value>, Vec<Value>) {
    let with = |objects: Vec<Value>, pods: &[Value]| [objects, pods.to_vec()].concat();
    (with(objects.to_vec(), was), with(stepped(objects, steps), is))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500 / crate::share(), ..ProptestConfig::default() })]

    #[test]
    fn that_change_nothing(objects in cluster(), how in how(), labels in labels(), count in 2_usize..4) {
        let (was, is) = (pods("1a", count, &labels), pods("2b", count, &labels));
        let (before, after) = sides(&objects, &[], (&was, &is));
        let (found, _) = engine_diff(&before, &after, &how);
        let Diff { ends: _, blocks, kept: _, objects, radius, radius_more, work: _ } = found;
        prop_assert_eq!((blocks, radius, radius_more), (Vec::new(), Vec::new(), 0));
        prop_assert_eq!(objects.len(), 2 * count);
        prop_assert!(objects.iter().all(|one| one.effect == Effect::NoFlow));
    }

    #[test]
    fn that_change_flows(
        objects in cluster(),
        how in how(),
        steps in prop::collection::vec(step(), 0..3),
        one in labels(),
        other in labels(),
        counts in (2_usize..4, 2_usize..4),
    ) {
        let (was, is) = (pods("1a", counts.0, &one), pods("2b", counts.1, &other));
        let (before, after) = sides(&objects, &steps, (&was, &is));
        let (found, _) = engine_diff(&before, &after, &how);
        let (was, is) = (Side::new(&before, &how), Side::new(&after, &how));
        prop_assert_eq!(turns_of(&found, &was, &is), expected(&was, &is));
        if counts.0 == counts.1 {
            radius_agrees(&found, &was, &is);
        }
    }
}
