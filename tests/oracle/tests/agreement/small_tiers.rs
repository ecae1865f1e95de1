//! Small worlds with administrators' policies: each policy of one rule meets every cast of pods and
//! nodes; up to two policies of each kind, NetworkPolicies, profiles and known ranges go round.

use policy_core::profile::Profile;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::admin::{Kind, Policy, Rule, may_name_ports};
use super::compare::{Asked, How, Tally, agree};
use super::small::{namespace, pod};

/// What is asked goes round as well.
const ASKED: [Asked<'static>; 3] = [
    Asked { addresses: &["10.9.0.1", "2001:db8::1"], ports: &[("TCP", 80), ("TCP", 81)] },
    Asked { addresses: &["192.0.2.1"], ports: &[("UDP", 80)] },
    Asked { addresses: &["10.9.0.1", "192.0.2.1"], ports: &[("TCP", 80)] },
];

/// How often each policy meets each cast, in other company each time.
const TURNS: usize = 12;

fn node(name: &str, labels: Value, ips: &[&str]) -> Value {
    let internal = ips.iter().map(|ip| json!({"type": "InternalIP", "address": ip}));
    let addresses: Vec<Value> = internal.collect();
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
           "status": {"addresses": addresses}})
}

fn workload(kind: &str, namespace: &str, name: &str, labels: Value, spec: Value) -> Value {
    let mut written = json!({"containers": [{"name": "c", "ports": [
        {"name": "web", "containerPort": 80}, {"name": "alt", "containerPort": 81}]}]});
    for (key, value) in spec.as_object().unwrap() {
        written[key] = value.clone();
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": namespace, "name": name},
           "spec": {"template": {"metadata": {"labels": labels}, "spec": written}}})
}

/// The pods and nodes of a world, in all the ways that clauses tell apart.
fn casts() -> Vec<Vec<Value>> {
    let a = |spec: Value, ips: &[&str]| pod("x", "a", json!({"app": "a"}), spec, ips);
    let b = |spec: Value, ips: &[&str]| pod("x", "b", json!({"app": "b"}), spec, ips);
    let c = |spec: Value, ips: &[&str]| pod("y", "c", json!({"app": "a"}), spec, ips);
    let plain = || json!({});
    let east = |ips: &[&str]| node("n1", json!({"zone": "east", "edge": ""}), ips);
    let west = |ips: &[&str]| node("n2", json!({"zone": "west"}), ips);
    let two_numbers = json!({"containers": [
        {"name": "c", "ports": [{"name": "web", "containerPort": 80}]},
        {"name": "d", "ports": [{"name": "web", "containerPort": 81}]}]});
    let two_protocols = json!({"containers": [{"name": "c", "ports": [
        {"name": "web", "containerPort": 80, "protocol": "UDP"}, {"name": "web", "containerPort": 81}]}]});
    let no_port = json!({"containers": [{"name": "c"}]});
    vec![
        // No node, all addresses known.
        vec![a(plain(), &["10.0.0.1"]), b(plain(), &["10.0.0.2"]), c(plain(), &["10.9.0.3"])],
        // No address known.
        vec![a(plain(), &[]), b(plain(), &["10.0.0.2"]), c(plain(), &[]), east(&["10.9.0.100"])],
        // Two families.
        vec![
            a(plain(), &["2001:db8::a"]),
            b(plain(), &["10.0.0.2", "2001:db8::b"]),
            c(plain(), &[]),
            east(&["10.9.0.100", "2001:db8::1:100"]),
        ],
        // Names with two numbers, and of two protocols.
        vec![
            a(two_numbers.clone(), &["10.0.0.1"]),
            b(two_protocols, &["10.0.0.2"]),
            c(no_port, &["10.9.0.3"]),
            west(&["10.0.0.100"]),
        ],
        // Pods on the network of nodes that were read.
        vec![
            east(&["10.0.0.100"]),
            west(&["10.9.0.100"]),
            a(json!({"hostNetwork": true, "nodeName": "n1"}), &[]),
            b(json!({"nodeName": "n1"}), &["10.0.0.2"]),
            c(json!({"nodeName": "n2", "hostNetwork": true}), &["10.9.0.100"]),
        ],
        // On that of a node that was not, among others that were.
        vec![
            east(&["10.0.0.100"]),
            a(json!({"hostNetwork": true, "nodeName": "n3"}), &[]),
            b(json!({"nodeName": "n3"}), &[]),
            c(two_numbers.clone(), &["10.9.0.3"]),
        ],
        // No node was read; workloads.
        vec![
            workload("DaemonSet", "x", "a", json!({"app": "a"}), json!({"hostNetwork": true})),
            workload("Deployment", "x", "b", json!({"app": "b"}), two_numbers),
            c(plain(), &["10.9.0.3"]),
        ],
        // A node without an address.
        vec![
            west(&[]),
            a(json!({"hostNetwork": true, "nodeName": "n2"}), &[]),
            b(json!({"nodeName": "n2"}), &["10.0.0.2"]),
            c(plain(), &["10.9.0.3", "2001:db8::c"]),
        ],
    ]
}

fn subjects() -> Vec<Value> {
    vec![
        json!({"namespaces": {}}),
        json!({"namespaces": {"matchLabels": {"team": "x"}}}),
        json!({"pods": {"podSelector": {"matchLabels": {"app": "a"}}}}),
        json!({"pods": {"namespaceSelector": {"matchLabels": {"team": "x"}},
                        "podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}}}),
    ]
}

/// Peers of either direction.
fn pods() -> Vec<Value> {
    vec![
        json!([{"namespaces": {}}]),
        json!([{"namespaces": {"matchLabels": {"team": "y"}}}]),
        json!([{"pods": {"podSelector": {"matchLabels": {"app": "a"}}}}]),
        json!([{"pods": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}},
               {"namespaces": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}}]),
        // Rules with these fail closed.
        json!([{"namespaces": {}}, {"groups": {"name": "later"}}]),
        json!([{"namespaces": {"matchExpressions": [{"key": "team", "operator": "In", "values": []}]}}]),
    ]
}

/// Peers of egress only.
fn others() -> Vec<Value> {
    let nodes = |key: &str, operator: &str, values: Value| {
        let mut own = json!({"key": key, "operator": operator});
        if !values.is_null() {
            own["values"] = values;
        }
        json!({"nodes": {"matchExpressions": [own]}})
    };
    vec![
        json!([{"networks": ["10.9.0.0/16"]}]),
        json!([{"networks": ["0.0.0.0/0"]}]),
        json!([{"networks": ["10.0.0.0/25", "2001:db8::/64"]}]),
        json!([{"nodes": {}}]),
        json!([nodes("zone", "In", json!(["east"]))]),
        json!([nodes("edge", "DoesNotExist", Value::Null)]),
        json!([nodes("zone", "In", json!(["west"])), {"networks": ["192.0.2.0/24"]}]),
        json!([{"domainNames": ["www.example.com."]}]),
        json!([{"domainNames": ["*.example.com"]}]),
        json!([{"domainNames": ["other.test", "WWW.example.com"]}, {"namespaces": {}}]),
    ]
}

fn ports() -> Vec<Option<Value>> {
    vec![
        None,
        Some(json!([["TCP", 80]])),
        Some(json!([["TCP", 80, 81]])),
        Some(json!([["UDP", 80], ["TCP", 81], ["SCTP", 80]])),
        Some(json!([["web"]])),
        Some(json!([["alt"], ["UDP", 1, 100]])),
    ]
}

/// Every policy of one rule.
fn firsts() -> Vec<(Kind, Policy)> {
    let mut all = Vec::new();
    let subjects = subjects();
    for kind in Kind::ALL {
        for action in ["Accept", "Deny", "Pass"] {
            let into = pods().into_iter().map(|peers| (true, peers));
            let out = pods().into_iter().chain(others()).map(|peers| (false, peers));
            for (is_ingress, peers) in into.chain(out) {
                for ports in ports() {
                    let names = ports.as_ref().is_some_and(|ports| {
                        ports.to_string().contains("web") || ports.to_string().contains("alt")
                    });
                    let has_names = peers.to_string().contains("domainNames");
                    if !kind.takes(action)
                        || (names && !may_name_ports(&peers))
                        || (has_names && kind == Kind::Baseline)
                    {
                        continue;
                    }
                    let rule = vec![Rule { action, peers: peers.clone(), ports }];
                    let (ingress, egress) =
                        if is_ingress { (rule, vec![]) } else { (vec![], rule) };
                    let subject = subjects[all.len() % subjects.len()].clone();
                    all.push((kind, Policy { priority: 10, subject, ingress, egress }));
                }
            }
        }
    }
    all
}

/// Policies that stand beside them, of any kind.
fn seconds() -> Vec<Policy> {
    let rule =
        |action: &'static str, peers: Value, ports: Option<Value>| Rule { action, peers, ports };
    let everyone = || json!({"namespaces": {}});
    let x = || json!({"namespaces": {"matchLabels": {"team": "x"}}});
    let all = || json!([{"namespaces": {}}]);
    let outside = || json!([{"networks": ["0.0.0.0/0", "::/0"]}]);
    let a = || json!([{"pods": {"podSelector": {"matchLabels": {"app": "a"}}}}]);
    let web = || Some(json!([["web"]]));
    let policy = |priority, subject, ingress, egress| Policy { priority, subject, ingress, egress };
    vec![
        policy(10, everyone(), vec![rule("Deny", all(), None)], vec![rule("Deny", all(), None)]),
        policy(
            10,
            x(),
            vec![rule("Pass", a(), web()), rule("Deny", all(), Some(json!([["TCP", 81]])))],
            vec![
                rule("Accept", json!([{"domainNames": ["*.example.com"]}]), None),
                rule("Deny", outside(), None),
            ],
        ),
        policy(
            5,
            everyone(),
            vec![rule("Accept", a(), web())],
            vec![
                rule("Pass", json!([{"nodes": {"matchLabels": {"zone": "east"}}}]), None),
                rule("Deny", json!([{"networks": ["10.0.0.0/24", "2001:db8::/80"]}]), None),
            ],
        ),
        policy(
            20,
            x(),
            vec![rule("Deny", all(), web())],
            vec![
                rule("Deny", a(), web()),
                rule("Accept", json!([{"nodes": {}}]), Some(json!([["TCP", 1, 80]]))),
                rule("Deny", json!([{"nodes": {}}, {"domainNames": ["www.example.com"]}]), None),
            ],
        ),
        policy(
            10,
            json!({"pods": {"podSelector": {"matchLabels": {"app": "a"}}}}),
            vec![rule("Accept", all(), Some(json!([["TCP", 80, 81]])))],
            vec![rule("Accept", outside(), Some(json!([["TCP", 80]]))), rule("Pass", all(), None)],
        ),
        policy(
            0,
            x(),
            vec![],
            vec![
                rule("Deny", json!([{"nodes": {"matchLabels": {"zone": "west"}}}]), None),
                rule("Pass", json!([{"networks": ["10.9.0.0/24"]}]), None),
                rule("Deny", all(), Some(json!([["alt"]]))),
            ],
        ),
    ]
}

fn network_policies() -> Vec<Value> {
    let policy = |name: &str, subject: Value, types: Value, ingress: Value, egress: Value| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"name": name, "namespace": "x"},
               "spec": {"podSelector": subject, "policyTypes": types, "ingress": ingress, "egress": egress}})
    };
    let none = || json!([]);
    let block = |cidr: &str| json!({"ipBlock": {"cidr": cidr}});
    vec![
        policy("into", json!({}), json!(["Ingress"]), none(), none()),
        policy("out", json!({}), json!(["Egress"]), none(), none()),
        policy(
            "a-into",
            json!({"matchLabels": {"app": "a"}}),
            json!(["Ingress"]),
            json!([{"from": [{"namespaceSelector": {}}], "ports": [{"port": "web"}]}]),
            none(),
        ),
        policy(
            "a-out",
            json!({"matchLabels": {"app": "a"}}),
            json!(["Egress"]),
            none(),
            json!([{"to": [block("10.9.0.0/16")]}, {"ports": [{"port": 81}]}]),
        ),
        policy(
            "both",
            json!({"matchLabels": {"app": "b"}}),
            json!(["Ingress", "Egress"]),
            json!([{"from": [block("0.0.0.0/0")], "ports": [{"port": "web"}]}]),
            json!([{"to": [block("10.0.0.0/24"), block("::/0")]}, {"to": [{"podSelector": {}}], "ports": [{"port": "web"}]}]),
        ),
    ]
}

/// What stands beside a policy: each digit of a number chooses one thing.
fn company(number: u64, of: Kind, objects: &mut Vec<Value>, seconds: &[Policy]) {
    let mut rest = number;
    let mut choose = |count: usize| {
        let digit = (rest % count as u64) as usize;
        rest /= count as u64;
        digit
    };
    for kind in Kind::ALL {
        // Up to two of each kind; of the last there is one only.
        let most = if kind == Kind::Baseline { 1 } else { 2 } - usize::from(kind == of);
        for (place, name) in ["second", "third"].into_iter().enumerate().take(most) {
            // Half of them stay away.
            let at = choose(seconds.len() * 2);
            if let Some(policy) = seconds.get(at) {
                let mut policy = policy.clone();
                policy.priority += if place == 1 { 5 * choose(2) as u16 } else { 0 };
                objects.push(policy.object(kind, &format!("{name}-{kind:?}").to_lowercase()));
            }
        }
    }
    let policies = network_policies();
    let mut taken = Vec::new();
    for _ in 0..2 {
        let at = choose(policies.len() + 3);
        if at < policies.len() && !taken.contains(&at) {
            taken.push(at);
        }
    }
    objects.extend(taken.into_iter().map(|at| policies[at].clone()));
}

/// Numbers without a pattern, the same on every run.
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn every_small_world_with_tiers() {
    let namespaces = [namespace("x", json!({"team": "x"})), namespace("y", json!({"team": "y"}))];
    let firsts = firsts();
    let casts = casts();
    let seconds = seconds();
    let count = firsts.len() * casts.len() * TURNS;
    assert!(count >= 100_000, "{count}");
    let worlds: Vec<u64> = (0..count as u64).collect();
    let tally = worlds
        .par_iter()
        .step_by(crate::share() as usize)
        .map(|world| {
            let at = *world as usize;
            let (kind, first) = &firsts[at / TURNS / casts.len()];
            let cast = &casts[at / TURNS % casts.len()];
            let chance = scattered(*world);
            let profile = match chance % 12 {
                at @ 0..=5 => Profile::ALL[at as usize],
                _ => Profile::Spec,
            };
            let pod_cidrs = match chance / 12 % 4 {
                0 => vec!["10.0.0.0/9".to_owned()],
                1 => vec!["10.0.0.0/12".to_owned(), "2001:db8::/64".to_owned()],
                _ => vec![],
            };
            let mut objects = namespaces.to_vec();
            objects.extend(cast.iter().cloned());
            objects.push(first.object(*kind, "first"));
            company(scattered(chance), *kind, &mut objects, &seconds);
            agree(&objects, &How { profile, pod_cidrs }, &ASKED[at % ASKED.len()])
        })
        .reduce(Tally::default, Tally::add);
    println!("{count} worlds, {tally:?}");
    assert!(tally.allow > 0 && tally.deny > 0 && tally.depends > 0);
}
