//! Every small world: two policies' worth of words over a few pods.

use policy_core::profile::Profile;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::compare::{Asked, How, Tally, agree};

const ASKED: Asked<'static> = Asked {
    addresses: &["10.9.0.1", "192.0.2.1", "2001:db8::1"],
    ports: &[("TCP", 80), ("TCP", 81), ("UDP", 80), ("SCTP", 80)],
};

pub fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// A pod with ports `web` (80) and `alt` (81), and what a cast adds.
pub fn pod(namespace: &str, name: &str, labels: Value, spec: Value, ips: &[&str]) -> Value {
    let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"containers": [{"name": "c", "ports": [
            {"name": "web", "containerPort": 80}, {"name": "alt", "containerPort": 81}]}]},
        "status": {"podIPs": ips},
    });
    for (key, value) in spec.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// The pods of a world, in all the ways that clauses tell apart.
fn casts() -> Vec<Vec<Value>> {
    let node = |name: &str, ip: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
               "status": {"addresses": [{"type": "InternalIP", "address": ip}]}})
    };
    let two_numbers = json!({"containers": [
        {"name": "c", "ports": [{"name": "web", "containerPort": 80}]},
        {"name": "d", "ports": [{"name": "web", "containerPort": 81}]}]});
    let no_port = json!({"containers": [{"name": "c"}]});
    let a =
        |spec: Value, ips: &[&str]| pod("x", "a", json!({"app": "a", "tier": "front"}), spec, ips);
    let b = |spec: Value, ips: &[&str]| pod("x", "b", json!({"app": "b"}), spec, ips);
    let c = |spec: Value, ips: &[&str]| pod("y", "c", json!({"app": "a"}), spec, ips);
    let plain = || json!({});
    vec![
        vec![a(plain(), &["10.0.0.1"]), b(plain(), &["10.0.0.2"]), c(plain(), &["10.9.0.3"])],
        vec![a(plain(), &[]), b(plain(), &["10.0.0.2"]), c(plain(), &[])],
        vec![
            a(plain(), &["2001:db8::a"]),
            b(plain(), &["10.0.0.2", "2001:db8::b"]),
            c(plain(), &[]),
        ],
        vec![a(two_numbers, &["10.0.0.1"]), b(no_port, &["10.0.0.2"]), c(plain(), &["10.9.0.3"])],
        vec![
            node("n1", "10.0.0.100"),
            node("n2", "10.9.0.100"),
            a(json!({"hostNetwork": true, "nodeName": "n1"}), &[]),
            b(json!({"nodeName": "n1"}), &["10.0.0.2"]),
            c(json!({"nodeName": "n2", "hostNetwork": true}), &["10.9.0.100"]),
        ],
        vec![
            a(json!({"hostNetwork": true, "nodeName": "n3"}), &[]),
            b(json!({"nodeName": "n3"}), &[]),
            c(plain(), &["10.9.0.3"]),
        ],
    ]
}

fn subjects() -> Vec<Value> {
    vec![
        Value::Null,
        json!({}),
        json!({"matchLabels": {"app": "a"}}),
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["b", "z"]}]}),
        json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["b"]}]}),
        json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
        json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}),
    ]
}

fn types() -> Vec<Value> {
    vec![
        Value::Null,
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]
}

/// `from` or `to`; `null` for a rule without one, and a string for no rule at all.
fn peers() -> Vec<Value> {
    let block = |cidr: &str, except: Value| json!({"ipBlock": {"cidr": cidr, "except": except}});
    vec![
        json!("none"),
        Value::Null,
        json!([]),
        json!([{"podSelector": {}}]),
        json!([{"podSelector": {"matchLabels": {"app": "a"}}}]),
        json!([{"namespaceSelector": {}}]),
        json!([{"namespaceSelector": {"matchLabels": {"team": "y"}}}]),
        json!([{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},
                "podSelector": {"matchLabels": {"app": "a"}}}]),
        json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "y"}}},
               {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}}]),
        json!([block("0.0.0.0/0", json!([]))]),
        json!([block("10.0.0.0/8", json!(["10.9.0.0/16"]))]),
        json!([block("10.9.0.0/16", Value::Null), block("::/0", Value::Null)]),
        json!([
            block("0.0.0.0/1", Value::Null),
            block("128.0.0.0/1", Value::Null),
            block("2001:db8::/32", Value::Null)
        ]),
    ]
}

fn ports() -> Vec<Value> {
    vec![
        Value::Null,
        json!([]),
        json!([{}]),
        json!([{"port": 80}]),
        json!([{"port": 80, "endPort": 81}]),
        json!([{"port": "web"}]),
        json!([{"port": "alt", "protocol": "TCP"}, {"protocol": "UDP"}]),
        json!([{"protocol": "SCTP", "port": 80}]),
    ]
}

fn policy(name: &str, subject: &Value, types: &Value, ingress: &Value, egress: &Value) -> Value {
    let mut spec = json!({});
    for (key, value) in
        [("podSelector", subject), ("policyTypes", types), ("ingress", ingress), ("egress", egress)]
    {
        if !value.is_null() {
            spec[key] = value.clone();
        }
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
           "metadata": {"name": name, "namespace": "x"}, "spec": spec})
}

/// The rules of one direction: one rule of these peers and ports.
fn rules(field: &str, peers: &Value, ports: &Value) -> Value {
    if peers.is_string() {
        return Value::Null;
    }
    let mut rule = json!({});
    if !peers.is_null() {
        rule[field] = peers.clone();
    }
    if !ports.is_null() {
        rule["ports"] = ports.clone();
    }
    json!([rule])
}

/// Every policy of one rule for each direction, alike but for the direction.
fn policies() -> Vec<Value> {
    let mut all = Vec::new();
    for subject in subjects() {
        for types in types() {
            for peers in peers() {
                for ports in ports() {
                    let ingress = rules("from", &peers, &ports);
                    let egress = rules("to", &peers, &ports);
                    all.push(policy("one", &subject, &types, &ingress, &egress));
                    all.push(policy("one", &subject, &types, &ingress, &Value::Null));
                    all.push(policy("one", &subject, &types, &Value::Null, &egress));
                }
            }
        }
    }
    all
}

/// A second policy beside each, from a short list.
fn seconds() -> Vec<Option<Value>> {
    let deny = policy("two", &json!({}), &json!(["Ingress", "Egress"]), &Value::Null, &Value::Null);
    let rest = policy(
        "two",
        &json!({"matchLabels": {"app": "b"}}),
        &json!(["Ingress", "Egress"]),
        &json!([{"from": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": "web"}]}]),
        &json!([{"to": [{"namespaceSelector": {}}], "ports": [{"port": 81}]}]),
    );
    vec![None, Some(deny), Some(rest)]
}

#[test]
fn every_small_world() {
    let namespaces = [namespace("x", json!({})), namespace("y", json!({"team": "y"}))];
    let hows = [
        How::spec(),
        How { profile: Profile::Cilium, pod_cidrs: Vec::new() },
        How { profile: Profile::Calico, pod_cidrs: vec!["10.0.0.0/9".into()] },
    ];
    let policies = policies();
    let casts = casts();
    let seconds = seconds();
    // Each policy meets every cast; the second policy and the way of reading go round.
    let worlds: Vec<(usize, usize)> =
        (0..policies.len()).flat_map(|p| (0..casts.len()).map(move |c| (p, c))).collect();
    assert!(worlds.len() * hows.len() >= 100_000);
    let tally = worlds
        .par_iter()
        .step_by(crate::share() as usize)
        .map(|(at, cast)| {
            let mut tally = Tally::default();
            for (turn, how) in hows.iter().enumerate() {
                let second = &seconds[(at + cast + turn) % seconds.len()];
                let mut objects = namespaces.to_vec();
                objects.extend(casts[*cast].iter().cloned());
                objects.push(policies[*at].clone());
                objects.extend(second.clone());
                tally = tally.add(agree(&objects, how, &ASKED));
            }
            tally
        })
        .reduce(Tally::default, Tally::add);
    println!("{} worlds, {tally:?}", worlds.len() * hows.len());
    assert!(tally.allow > 0 && tally.deny > 0 && tally.depends > 0);
}
