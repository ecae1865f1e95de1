//! A changed policy equals one compiled afresh; and what each kind of change costs, in work.

use policy_core::compile::{Change, CompiledPolicy};
use policy_core::manifest::document::ObjectKey;
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::Protocol;
use policy_core::query::{self, EndName};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::admin::{Kind, Policy, Rule};
use super::compare::{Asked, How, agree_with, engine, matrix_agrees};
use super::random::{admin_policy, cluster, how, pod, policy};

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
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n3", "labels": {"env": "a"}},
               "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.4"}]}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2", "labels": {"app": "b", "tier": "a"}},
               "status": {"addresses": [{"type": "InternalIP", "address": "172.16.0.2"}]}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"},
               "status": {"addresses": [{"type": "InternalIP", "address": "10.1.99.1"}]}}),
    ]);
    prop_oneof![
        3 => policy(2).prop_map(Step::Put),
        2 => policy(7).prop_map(Step::Put),
        3 => pod(2).prop_map(Step::Put),
        2 => pod(5).prop_map(Step::Put),
        3 => admin_policy(1).prop_map(Step::Put),
        3 => admin_policy(7).prop_map(Step::Put),
        3 => relabelled.prop_map(Step::Put),
        3 => (0_usize..16).prop_map(Step::Remove),
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

/// The work of one change after others, as (classes split, rows computed, rebuilt).
fn work_after(before: &[Value], change: &Value) -> (u64, u64, u64) {
    let mut objects = world();
    for value in before {
        replace(&mut objects, value);
    }
    let mut policy = engine(&objects, &How::spec());
    let work = policy.work();
    put(&mut policy, change);
    replace(&mut objects, change);
    agree_with(&policy, &objects, &How::spec(), &ASKED);
    let now = policy.work();
    (
        now.classes_split - work.classes_split,
        now.rows_computed - work.rows_computed,
        now.rebuilt - work.rebuilt,
    )
}

#[test]
fn work_of_each_kind_of_change_to_the_tiers() {
    let rule = |action: &'static str, peers: Value| Rule { action, peers, ports: None };
    let policy = |kind: Kind, name: &str, priority: u16, ingress: Vec<Rule>, egress: Vec<Rule>| {
        let subject = json!({"namespaces": {"matchLabels": {"team": "x"}}});
        Policy { priority, subject, ingress, egress }.object(kind, name)
    };
    let team_y = || json!([{"namespaces": {"matchLabels": {"team": "y"}}}]);
    let deny = |priority| {
        policy(Kind::ClusterAdmin, "deny", priority, vec![rule("Deny", team_y())], vec![])
    };
    assert_eq!(work_after(&[], &deny(1)), (0, 2, 0), "a policy: the rows of its subjects");
    assert_eq!(work_after(&[deny(1)], &deny(1)), (0, 0, 0), "the same policy again");
    assert_eq!(work_after(&[deny(1)], &deny(2)), (0, 2, 0), "another priority");
    let old = policy(Kind::Admin, "old", 1, vec![rule("Pass", team_y())], vec![]);
    assert_eq!(work_after(&[deny(1)], &old), (0, 2, 0), "one of the other version beside it");
    let out = policy(Kind::ClusterAdmin, "out", 1, vec![], vec![rule("Deny", team_y())]);
    assert_eq!(work_after(&[], &out), (0, 1, 0), "for egress its subjects are alike");
    let shard = policy(
        Kind::ClusterAdmin,
        "shard",
        1,
        vec![rule("Deny", json!([{"pods": {"podSelector": {"matchLabels": {"shard": "s3"}}}}]))],
        vec![],
    );
    assert_eq!(work_after(&[], &shard), (16, 2, 0), "a new key divides every namespace");
    let networks = json!([{"networks": ["10.1.0.0/29"]}]);
    let networks = policy(Kind::ClusterAdmin, "block", 1, vec![], vec![rule("Deny", networks)]);
    assert_eq!(work_after(&[], &networks), (2, 1, 0), "a network divides whom its bounds cut");

    let baseline = |kind| policy(kind, "last", 1, vec![rule("Deny", team_y())], vec![]);
    let (split, _, rebuilt) = work_after(&[], &baseline(Kind::ClusterBaseline));
    assert_eq!((split, rebuilt), (0, 1), "the first of Baseline: a clause more is kept apart");
    let second = work_after(&[baseline(Kind::ClusterBaseline)], &baseline(Kind::Baseline));
    assert_eq!(second, (0, 2, 0), "the second is one like others");

    let node = |labels: Value, address: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": labels},
               "status": {"addresses": [{"type": "InternalIP", "address": address}]}})
    };
    let east = node(json!({"zone": "east"}), "10.9.0.1");
    let nodes = json!([{"nodes": {"matchLabels": {"zone": "east"}}}]);
    let nodes = policy(Kind::Admin, "nodes", 1, vec![], vec![rule("Deny", nodes)]);
    let names = json!([{"domainNames": ["*.example.com"]}]);
    let names = policy(Kind::ClusterAdmin, "names", 1, vec![], vec![rule("Accept", names)]);
    let rebuilt = |before: &[&Value], change: &Value| {
        let before: Vec<Value> = before.iter().map(|value| (*value).clone()).collect();
        work_after(&before, change).2
    };
    assert_eq!(rebuilt(&[], &nodes), 1, "the first rule that tells nodes apart");
    assert_eq!(rebuilt(&[&nodes], &east), 1, "a node that rules ask for");
    assert_eq!(rebuilt(&[&nodes, &east], &east), 0, "the same node again");
    assert_eq!(rebuilt(&[&nodes, &east], &node(json!({}), "10.9.0.1")), 1, "other labels");
    assert_eq!(rebuilt(&[], &names), 0, "names divide nobody");
    assert_eq!(rebuilt(&[&names, &east], &node(json!({"zone": "east"}), "10.9.0.2")), 1, "moved");

    let two = json!({"containers": [
        {"name": "c", "ports": [{"name": "web", "containerPort": 80}]},
        {"name": "d", "ports": [{"name": "web", "containerPort": 81}]}]});
    let two = super::small::pod("x", "two", json!({"app": "web"}), two, &["10.0.0.80"]);
    let web = Rule { ports: Some(json!([["web"]])), ..rule("Deny", team_y()) };
    let web = policy(Kind::ClusterAdmin, "web", 1, vec![web], vec![]);
    assert_eq!(rebuilt(&[], &web), 0, "a name");
    assert_eq!(rebuilt(&[&two], &web), 1, "a name with two numbers in some pod");
    assert_eq!(rebuilt(&[&web], &two), 1, "a pod in which a name has two numbers");
}

/// A class that lost its last pod is not forgotten by rows that are worked out meanwhile.
#[test]
fn a_pod_comes_back_to_an_empty_class() {
    let pod =
        |name: &str, app: &str| super::small::pod("x", name, json!({"app": app}), json!({}), &[]);
    let networks = Policy {
        priority: 1,
        subject: json!({"namespaces": {}}),
        ingress: vec![],
        egress: vec![Rule {
            action: "Accept",
            peers: json!([{"networks": ["10.0.0.0/8"]}]),
            ports: None,
        }],
    };
    let mut objects = world();
    objects.push(pod("first", "cache"));
    let mut policy = engine(&objects, &How::spec());
    let first = objects.pop().unwrap();
    policy.change(Change::Remove(key(&first)));
    for change in [networks.object(Kind::Admin, "networks"), pod("second", "cache")] {
        put(&mut policy, &change);
        replace(&mut objects, &change);
        agree_with(&policy, &objects, &How::spec(), &ASKED);
    }
}
