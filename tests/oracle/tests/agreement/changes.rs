//! A changed policy equals one compiled afresh; and what each kind of change costs, in work.

use policy_core::compile::{Change, CompiledPolicy};
use policy_core::manifest::document::ObjectKey;
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::Protocol;
use policy_core::query::{self, EndName};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::compare::{Asked, How, agree_with, engine, matrix_agrees};
use super::random::{cluster, how, pod, policy};

const ASKED: Asked<'static> =
    Asked { addresses: &["10.1.99.7", "2001:db8::9"], ports: &[("TCP", 80), ("UDP", 53)] };

fn object(value: &Value) -> policy_core::manifest::document::Object {
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let source = Source { name: "change".into(), text: value.to_string() };
    read(vec![source], &options).take_objects().remove(0)
}

fn key(value: &Value) -> ObjectKey {
    object(value).key
}

pub fn put(policy: &mut CompiledPolicy, value: &Value) {
    policy.change(Change::Put(Box::new(object(value))));
}

/// Puts an object among others, in the place of its like.
pub fn replace(objects: &mut Vec<Value>, value: &Value) {
    let own = key(value);
    objects.retain(|other| key(other) != own);
    objects.push(value.clone());
}

#[derive(Clone, Debug)]
enum Step {
    Put(Value),
    Remove(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let relabelled = prop::sample::select(vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"app": "c"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "z", "labels": {"tier": "a"}}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n3"}, "spec": {"podCIDRs": ["10.0.0.0/12"]},
               "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.3"}]}}),
    ]);
    prop_oneof![
        3 => policy(2).prop_map(Step::Put),
        2 => policy(7).prop_map(Step::Put),
        3 => pod(2).prop_map(Step::Put),
        2 => pod(5).prop_map(Step::Put),
        2 => relabelled.prop_map(Step::Put),
        3 => (0_usize..12).prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500 / crate::share(), ..ProptestConfig::default() })]

    #[test]
    fn as_if_compiled_afresh(objects in cluster(), how in how(), steps in prop::collection::vec(step(), 1..6)) {
        let mut objects = objects;
        let mut policy = engine(&objects, &how);
        for step in steps {
            match step {
                Step::Put(value) => {
                    put(&mut policy, &value);
                    replace(&mut objects, &value);
                }
                Step::Remove(at) => {
                    if at < objects.len() {
                        policy.change(Change::Remove(key(&objects.remove(at))));
                    }
                }
            }
            agree_with(&policy, &objects, &how, &ASKED);
            let fresh = engine(&objects, &how);
            matrix_agrees(&fresh);
            let pairs = |policy: &CompiledPolicy| {
                let mut all = Vec::new();
                query::pairs(policy, &Default::default(), |from, to, cell| {
                    all.push(format!("{from:?} {to:?} {cell:?}"));
                });
                all
            };
            // A class that was divided stays so: the pods of one workload may stand apart.
            if fresh.cluster().endpoints().all(|(_, endpoint)| endpoint.workload.is_none()) {
                prop_assert_eq!(pairs(&policy), pairs(&fresh));
            }
        }
    }
}

fn world() -> Vec<Value> {
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "x"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"team": "y"}}}),
    ];
    for namespace in ["x", "y"] {
        for index in 0..10 {
            let labels = json!({"app": if index % 2 == 0 { "web" } else { "db" }, "shard": format!("s{index}")});
            let ip = format!("10.{}.0.{index}", u8::from(namespace == "y"));
            objects.push(super::small::pod(
                namespace,
                &format!("p{index}"),
                labels,
                json!({}),
                &[&ip],
            ));
        }
        objects.push(allow(
            namespace,
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}}),
        ));
        objects.push(allow(
            namespace,
            "db",
            json!({"namespaceSelector": {"matchLabels": {"team": "x"}}}),
        ));
    }
    objects
}

fn allow(namespace: &str, app: &str, peer: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
           "metadata": {"name": format!("allow-{app}"), "namespace": namespace},
           "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"],
                    "ingress": [{"from": [peer], "ports": [{"port": 80}]}]}})
}

/// The work of one change, as (classes split, classes added, rows computed, rows extended).
fn work(change: &Value) -> (u64, u64, u64, u64) {
    let mut objects = world();
    let mut policy = engine(&objects, &How::spec());
    let before = policy.work();
    put(&mut policy, change);
    replace(&mut objects, change);
    agree_with(&policy, &objects, &How::spec(), &ASKED);
    let now = policy.work();
    (
        now.classes_split - before.classes_split,
        now.classes_added - before.classes_added,
        now.rows_computed - before.rows_computed,
        now.rows_extended - before.rows_extended,
    )
}

#[test]
fn work_of_each_kind_of_change() {
    // Four classes (two namespaces, two apps); rows: one open for egress, four for ingress.
    let fresh = engine(&world(), &How::spec()).work();
    assert_eq!((fresh.classes_split, fresh.rows_computed), (0, 5));

    let same = allow("x", "web", json!({"podSelector": {"matchLabels": {"app": "web"}}}));
    assert_eq!(work(&same), (0, 0, 0, 0), "the same policy again");

    let other = allow("x", "web", json!({"podSelector": {"matchLabels": {"app": "db"}}}));
    assert_eq!(work(&other), (0, 0, 1, 0), "another peer: the row of what it selects");

    let deny = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                      "metadata": {"name": "deny", "namespace": "x"}, "spec": {"podSelector": {}}});
    assert_eq!(work(&deny), (0, 0, 2, 0), "a deny-all: the rows of its namespace");

    let new_key = allow("x", "web", json!({"podSelector": {"matchLabels": {"shard": "s3"}}}));
    assert_eq!(work(&new_key), (8, 0, 1, 0), "a new label key divides its namespace only");

    let block = allow("x", "web", json!({"ipBlock": {"cidr": "10.1.0.0/29"}}));
    assert_eq!(work(&block), (2, 0, 1, 0), "a new block divides whom its bounds run through");

    let label = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"team": "x"}}});
    assert_eq!(
        work(&label),
        (0, 0, 0, 2),
        "a relabelled namespace: the rows that ask for the label, with its pods"
    );

    let like = super::small::pod(
        "x",
        "p10",
        json!({"app": "web", "shard": "new"}),
        json!({}),
        &["10.0.0.77"],
    );
    assert_eq!(work(&like), (0, 0, 0, 0), "a pod like others");

    let unlike = super::small::pod("x", "p10", json!({"app": "cache"}), json!({}), &["10.0.0.77"]);
    assert_eq!(
        work(&unlike),
        (0, 1, 1, 5),
        "a pod unlike others is added to every row; its own is new"
    );

    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "x"},
                         "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    assert_eq!(work(&service), (0, 0, 0, 0), "a Service");

    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"podCIDRs": ["10.0.0.0/8"]}});
    assert_eq!(work(&node), (0, 0, 0, 0), "a node, where no rule has a block");
    let _ = (Protocol::Tcp, EndName::Node(String::new()));
}
