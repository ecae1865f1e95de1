//! `isolation` against single flows: which rules of the Admin tier accept something of a namespace.

use std::collections::{BTreeMap, BTreeSet};

use policy_core::cluster::Address;
use policy_core::compile::CompiledPolicy;
use policy_core::netset::{Direction, Family, Protocol};
use policy_core::query::{Detail, EndWhy, Question, Step, flow, isolation, parse_port};
use policy_core::rulebook::{Action, Tier};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::admin::{Kind, Policy, Rule, may_name_ports};
use super::changes::{put, replace};
use super::compare::{How, engine, matrix_agrees};

const OTHERS: [&str; 6] =
    ["198.51.100.9", "198.51.100.10", "203.0.113.1", "10.1.77.7", "node/n1", "node/n2"];
const PORTS: [(&str, u16); 7] =
    [("TCP", 9), ("TCP", 80), ("TCP", 85), ("TCP", 443), ("UDP", 9), ("UDP", 53), ("SCTP", 9)];

fn labels() -> impl Strategy<Value = Value> {
    let values = prop::sample::select(vec!["a", "b"]);
    values.prop_map(|value| json!({"matchLabels": {"app": value}}))
}

fn selector() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(json!({})),
        4 => labels(),
        1 => Just(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]})),
    ]
}

fn pods() -> impl Strategy<Value = Value> {
    prop_oneof![
        selector().prop_map(|namespaces| json!({"namespaces": namespaces})),
        (selector(), selector()).prop_map(
            |(namespaces, pods)| json!({"pods": {"namespaceSelector": namespaces, "podSelector": pods}})
        ),
    ]
}

fn peer(field: &'static str) -> BoxedStrategy<Value> {
    if field == "from" {
        return pods().boxed();
    }
    let networks = prop::sample::select(vec![
        json!(["0.0.0.0/0"]),
        json!(["10.1.0.0/16"]),
        json!(["10.1.0.1/32"]),
        json!(["198.51.100.0/24"]),
        json!(["198.51.100.9/32", "172.16.0.1/32"]),
    ]);
    prop_oneof![
        3 => pods(),
        2 => networks.prop_map(|networks| json!({"networks": networks})),
        1 => selector().prop_map(|nodes| json!({"nodes": nodes})),
    ]
    .boxed()
}

fn rule(field: &'static str) -> impl Strategy<Value = Rule> {
    let ports = prop::sample::select(vec![
        None,
        None,
        Some(json!([["TCP", 80]])),
        Some(json!([["TCP", 80, 90], ["UDP", 53]])),
        Some(json!([["web"]])),
        Some(json!([["TCP", 1, 65535], ["UDP", 1, 65535], ["SCTP", 1, 65535]])),
    ]);
    let action = prop::sample::select(vec!["Accept", "Accept", "Deny", "Pass"]);
    (action, prop::collection::vec(peer(field), 1..3), ports).prop_map(|(action, peers, ports)| {
        let peers = json!(peers);
        let is_named = ports.as_ref().is_some_and(|ports| *ports == json!([["web"]]));
        let ports = ports.filter(|_| !is_named || may_name_ports(&peers));
        Rule { action, peers, ports }
    })
}

fn policy() -> impl Strategy<Value = (Kind, Policy)> {
    let kind = prop::sample::select(vec![Kind::ClusterAdmin, Kind::ClusterAdmin, Kind::Admin]);
    let rules = |field| prop::collection::vec(rule(field), 0..4);
    let priority = 1_u16..4;
    (kind, priority, pods(), rules("from"), rules("to")).prop_map(
        |(kind, priority, subject, ingress, egress)| {
            (kind, Policy { priority, subject, ingress, egress })
        },
    )
}

/// A pod: its namespace, its label, whether its port is named, whether its address is known.
fn pod(index: usize, is_closed: bool) -> impl Strategy<Value = Value> {
    let namespace = prop::sample::select(vec!["x", "y", "z"]);
    let app = prop::sample::select(vec!["a", "b"]);
    let is_known = if is_closed { 1.0 } else { 0.6 };
    (namespace, app, any::<bool>(), prop::bool::weighted(is_known)).prop_map(
        move |(namespace, app, is_named, is_known)| {
            let ports =
                if is_named { json!([{"name": "web", "containerPort": 80}]) } else { json!([]) };
            let status = if is_known {
                json!({"podIPs": [{"ip": format!("10.1.0.{index}")}]})
            } else {
                json!({})
            };
            json!({"apiVersion": "v1", "kind": "Pod",
                   "metadata": {"name": format!("p{index}"), "namespace": namespace, "labels": {"app": app}},
                   "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": ports}]},
                   "status": status})
        },
    )
}

/// `is_closed`: the manifests leave no fact open, and no policy has an alternative.
fn cluster(is_closed: bool) -> impl Strategy<Value = Vec<Value>> {
    let pods = (pod(1, is_closed), pod(2, is_closed), pod(3, is_closed), pod(4, is_closed));
    (pods, prop::collection::vec(policy(), 1..4)).prop_map(move |(pods, policies)| {
        let node = |name: &str, ip: &str, app: &str| {
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"app": app}},
                   "status": {"addresses": [{"type": "InternalIP", "address": ip}]}})
        };
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"app": "a"}}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"app": "b"}}}),
            node("n1", "172.16.0.1", "a"),
            node("n2", "172.16.0.2", "b"),
        ];
        objects.extend([pods.0, pods.1, pods.2, pods.3]);
        for (index, (kind, mut policy)) in policies.into_iter().enumerate() {
            let kind = if is_closed { Kind::ClusterAdmin } else { kind };
            if is_closed {
                policy.priority = policy.priority * 10 + u16::try_from(index).unwrap();
            }
            if kind == Kind::ClusterAdmin || !has_nodes(&policy) {
                objects.push(policy.object(kind, &format!("a{index}")));
            }
        }
        objects
    })
}

fn has_nodes(policy: &Policy) -> bool {
    let mut peers = policy.egress.iter().flat_map(|rule| rule.peers.as_array().unwrap());
    peers.any(|peer| !peer["nodes"].is_null())
}

/// A rule of a namespace and direction.
type Named = (String, Direction, String, String);

/// What single flows say: the rules that accept one for certain, and the namespaces where it is
/// open somewhere what the Admin tier does.
fn by_flows(policy: &CompiledPolicy) -> (BTreeSet<Named>, BTreeSet<(String, Direction)>) {
    let (mut named, mut open) = (BTreeSet::new(), BTreeSet::new());
    let cluster = policy.cluster();
    let pods: Vec<(String, String)> = cluster
        .endpoints()
        .map(|(id, one)| {
            (cluster.display(id), cluster.namespace(one.namespace).unwrap().name.clone())
        })
        .collect();
    let mut note = |namespace: &str, direction, end: &EndWhy| {
        let Some(admin) = end.tiers.iter().find(|one| one.tier == Tier::Admin) else { return };
        match &admin.step {
            Step::Rule { action: Action::Accept, policy, path, .. } => {
                let rule = (namespace.to_owned(), direction, policy.name.clone(), path.to_string());
                named.insert(rule);
            }
            // Of policies of equal rank it is open which decides, though all may accept (C28).
            Step::Partly | Step::Alternatives(_) => {
                open.insert((namespace.to_owned(), direction));
            }
            _ => {}
        }
    };
    let others: Vec<&str> = pods.iter().map(|(name, _)| name.as_str()).chain(OTHERS).collect();
    for (name, namespace) in &pods {
        for other in &others {
            for (protocol, port) in PORTS {
                let ask = |from: &str, to: &str| {
                    let question = Question {
                        from: from.parse().unwrap(),
                        to: to.parse().unwrap(),
                        protocol: Protocol::parse(protocol),
                        port: parse_port(&port.to_string()),
                    };
                    let answer = flow(policy, &question, Detail::Why).unwrap();
                    answer.parts.into_iter().filter_map(|part| part.why)
                };
                ask(name, other).for_each(|why| note(namespace, Direction::Egress, &why.egress));
                ask(other, name).for_each(|why| note(namespace, Direction::Ingress, &why.ingress));
            }
        }
    }
    (named, open)
}

/// What `isolation` says: each rule, and whether it depends.
fn by_isolation(policy: &CompiledPolicy) -> BTreeMap<Named, bool> {
    let mut found = BTreeMap::new();
    for one in isolation(policy).namespaces {
        for (direction, deny) in
            [(Direction::Ingress, &one.ingress), (Direction::Egress, &one.egress)]
        {
            for accept in &deny.accepts {
                let key = (
                    one.name.clone(),
                    direction,
                    accept.policy.name.clone(),
                    accept.path.to_string(),
                );
                found.insert(key, accept.depends);
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: (400 / crate::share()).max(8), ..ProptestConfig::default() })]

    #[test]
    fn rules_that_accept_are_those_of_single_flows(objects in cluster(true)) {
        let policy = engine(&objects, &How::spec());
        let (named, _) = by_flows(&policy);
        let found: BTreeSet<Named> = by_isolation(&policy)
            .into_iter()
            .map(|(rule, depends)| { assert!(!depends, "{rule:?}"); rule })
            .collect();
        prop_assert_eq!(named, found);
    }

    #[test]
    fn rules_that_accept_where_facts_are_open(objects in cluster(false)) {
        let policy = engine(&objects, &How::spec());
        let (named, open) = by_flows(&policy);
        let found = by_isolation(&policy);
        for rule in &named {
            prop_assert_eq!(found.get(rule), Some(&false), "{:?}", rule);
        }
        // Whoever has no known address has both families, and over IPv6 another rule may decide than
        // the one that a flow names.
        let is_unknown = |family| {
            let mut endpoints = policy.cluster().endpoints();
            endpoints.any(|(_, one)| one.address(family) == Address::Unknown)
        };
        if Family::ALL.into_iter().any(is_unknown) {
            return Ok(());
        }
        for (rule, depends) in &found {
            let is_open = open.contains(&(rule.0.clone(), rule.1));
            prop_assert!(named.contains(rule) || is_open, "{:?} {}", rule, depends);
        }
    }
}

/// A change of what the tiers say, or of whom.
fn step() -> impl Strategy<Value = Value> {
    let relabelled =
        (prop::sample::select(vec!["x", "y", "z"]), prop::sample::select(vec!["a", "b", "c"]));
    let relabelled = relabelled.prop_map(|(name, app)| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"app": app}}})
    });
    let policy = (policy(), 0..3).prop_map(|((kind, policy), index)| {
        let kind = if has_nodes(&policy) { Kind::ClusterAdmin } else { kind };
        policy.object(kind, &format!("a{index}"))
    });
    let baseline = policy_of(Kind::ClusterBaseline);
    let isolated = (prop::sample::select(vec!["x", "y", "z"]), labels(), labels()).prop_map(
        |(namespace, subject, peer)| {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"name": "n", "namespace": namespace},
                   "spec": {"podSelector": subject, "ingress": [{"from": [{"namespaceSelector": peer}]}]}})
        },
    );
    prop_oneof![3 => relabelled, 3 => policy, 1 => baseline, 2 => isolated, 2 => pod(5, false)]
}

fn policy_of(kind: Kind) -> impl Strategy<Value = Value> {
    policy().prop_map(move |(_, policy)| policy.object(kind, "b"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: (1_500 / crate::share()).max(16), ..ProptestConfig::default() })]

    #[test]
    fn tiers_change_as_if_compiled_afresh(
        objects in cluster(false),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let mut objects = objects;
        let mut policy = engine(&objects, &How::spec());
        for step in steps {
            put(&mut policy, &step);
            replace(&mut objects, &step);
            let fresh = engine(&objects, &How::spec());
            let pairs = |policy: &CompiledPolicy| {
                let mut all = Vec::new();
                policy_core::query::pairs(policy, &Default::default(), |from, to, cell| {
                    all.push(format!("{from:?} {to:?} {cell:?}"));
                });
                all
            };
            prop_assert_eq!(pairs(&policy), pairs(&fresh));
            matrix_agrees(&policy);
            let (now, then) = (isolation(&policy), isolation(&fresh));
            prop_assert_eq!(now.namespaces, then.namespaces);
        }
    }
}
