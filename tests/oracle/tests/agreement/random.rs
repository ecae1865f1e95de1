//! Random clusters.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::admin;
use super::compare::{Asked, How, agree};

const ASKED: Asked<'static> = Asked {
    addresses: &["10.1.0.7", "198.51.100.9", "2001:db8::9"],
    ports: &[("TCP", 80), ("TCP", 443), ("UDP", 53)],
};

pub fn labels() -> impl Strategy<Value = Value> {
    let value = prop::sample::select(vec!["a", "b", "c"]);
    let keys = prop::sample::select(vec!["app", "tier", "env"]);
    prop::collection::btree_map(keys, value, 0..3).prop_map(|map| json!(map))
}

pub fn selector() -> impl Strategy<Value = Value> {
    let key = || prop::sample::select(vec!["app", "tier", "env"]);
    let values = prop::collection::btree_set(prop::sample::select(vec!["a", "b", "c"]), 1..3);
    let among = (key(), prop::sample::select(vec!["In", "NotIn"]), values).prop_map(
        |(key, operator, values)| json!({"key": key, "operator": operator, "values": values}),
    );
    let there = (key(), prop::sample::select(vec!["Exists", "DoesNotExist"]))
        .prop_map(|(key, operator)| json!({"key": key, "operator": operator}));
    let expressions = prop::collection::vec(prop_oneof![among, there], 0..2);
    (labels(), expressions).prop_map(
        |(labels, expressions)| json!({"matchLabels": labels, "matchExpressions": expressions}),
    )
}

fn peer() -> impl Strategy<Value = Value> {
    let blocks = vec![
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.0/24"]}),
        json!({"cidr": "10.1.0.0/16", "except": ["10.1.0.0/30"]}),
        json!({"cidr": "10.0.0.0/9"}),
        json!({"cidr": "10.0.0.3/32"}),
        json!({"cidr": "::/0"}),
        json!({"cidr": "2001:db8::/33", "except": ["2001:db8::/64"]}),
    ];
    prop_oneof![
        3 => selector().prop_map(|s| json!({"podSelector": s})),
        2 => selector().prop_map(|s| json!({"namespaceSelector": s})),
        2 => (selector(), selector()).prop_map(|(n, p)| json!({"namespaceSelector": n, "podSelector": p})),
        2 => prop::sample::select(blocks).prop_map(|block| json!({"ipBlock": block})),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"port": 80}),
        json!({"port": "web"}),
        json!({"port": "dns", "protocol": "UDP"}),
        json!({"port": 53, "protocol": "UDP"}),
        json!({"port": 400, "endPort": 500}),
        json!({}),
        json!({"protocol": "UDP"}),
    ])
}

fn rules(field: &'static str) -> impl Strategy<Value = Value> {
    let rule = (prop::collection::vec(peer(), 0..3), prop::collection::vec(port(), 0..3))
        .prop_map(move |(peers, ports)| json!({field: peers, "ports": ports}));
    prop::collection::vec(rule, 0..3).prop_map(|rules| json!(rules))
}

pub fn policy(index: usize) -> impl Strategy<Value = Value> {
    let namespace = prop::sample::select(vec!["x", "y", "z"]);
    let types = prop::sample::select(vec![
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]);
    (namespace, selector(), types, rules("from"), rules("to")).prop_map(
        move |(namespace, subject, types, ingress, egress)| {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"name": format!("p{index}"), "namespace": namespace},
                   "spec": {"podSelector": subject, "policyTypes": types, "ingress": ingress, "egress": egress}})
        },
    )
}

fn admin_peer(is_egress: bool) -> BoxedStrategy<Value> {
    let networks = vec![
        json!(["0.0.0.0/0"]),
        json!(["10.1.0.0/16", "2001:db8::/33"]),
        json!(["10.0.0.0/9", "::/0"]),
        json!(["10.0.0.3/32", "10.1.0.100/32"]),
        json!(["198.51.100.0/24"]),
    ];
    let names = vec![
        json!(["www.example.com"]),
        json!(["*.example.com"]),
        json!(["*.www.example.com.", "other.test"]),
    ];
    let unevaluable = json!({"namespaces": {"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}});
    let unevaluable = prop::sample::select(vec![unevaluable, json!({"groups": {}})]);
    let pods = prop_oneof![
        6 => selector().prop_map(|s| json!({"namespaces": s})),
        6 => selector().prop_map(|s| json!({"pods": {"podSelector": s}})),
        6 => (selector(), selector())
            .prop_map(|(n, p)| json!({"pods": {"namespaceSelector": n, "podSelector": p}})),
        1 => unevaluable,
    ];
    if !is_egress {
        return pods.boxed();
    }
    prop_oneof![
        4 => pods,
        2 => prop::sample::select(networks).prop_map(|blocks| json!({"networks": blocks})),
        2 => selector().prop_map(|s| json!({"nodes": s})),
        1 => prop::sample::select(names).prop_map(|names| json!({"domainNames": names})),
    ]
    .boxed()
}

fn admin_rules(is_egress: bool) -> impl Strategy<Value = Vec<admin::Rule>> {
    let ports = prop::sample::select(vec![
        None,
        None,
        Some(json!([["TCP", 80]])),
        Some(json!([["TCP", 400, 500], ["UDP", 53]])),
        Some(json!([["web"]])),
        Some(json!([["dns"], ["web"], ["TCP", 80]])),
    ]);
    let action = prop::sample::select(vec!["Accept", "Deny", "Pass"]);
    let rule = (action, prop::collection::vec(admin_peer(is_egress), 1..3), ports).prop_map(
        |(action, peers, ports)| {
            let peers = json!(peers);
            let is_named = ports.as_ref().is_some_and(|ports: &Value| {
                ports.as_array().unwrap().iter().any(|port| port.as_array().unwrap().len() == 1)
            });
            let ports = ports.filter(|_| !is_named || admin::may_name_ports(&peers));
            admin::Rule { action, peers, ports }
        },
    );
    prop::collection::vec(rule, 0..3)
}

/// A policy of an administrator; a `BaselineAdminNetworkPolicy` is always the same object.
pub fn admin_policy(index: usize) -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(admin::Kind::ALL.to_vec());
    let subject = prop_oneof![
        Just(json!({"namespaces": {}})),
        selector().prop_map(|s| json!({"namespaces": s})),
        selector().prop_map(|s| json!({"pods": {"podSelector": s}})),
    ];
    let priority = prop::sample::select(vec![0_u16, 7, 7, 7, 1000]);
    (kind, subject, priority, admin_rules(false), admin_rules(true)).prop_map(
        move |(kind, subject, priority, ingress, egress)| {
            let policy = admin::Policy { priority, subject, ingress, egress };
            policy.object(kind, &format!("a{index}"))
        },
    )
}

pub fn pod(index: usize) -> impl Strategy<Value = Value> {
    let ips = match index {
        0 => vec![vec![], vec!["10.1.0.1"]],
        1 => vec![vec!["10.1.0.2"], vec!["10.1.0.2", "2001:db8::2"]],
        2 => vec![vec!["10.0.0.3"], vec!["2001:db8:8000::3"]],
        _ => vec![vec![], vec!["10.2.0.4"]],
    };
    let kinds = prop::sample::select(vec!["Pod", "Pod", "Pod", "Deployment"]);
    let numbers = prop::sample::select(vec![
        json!([]),
        json!([{"name": "web", "containerPort": 80}]),
        json!([{"name": "web", "containerPort": 443}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]),
    ]);
    let second =
        prop::sample::select(vec![json!([]), json!([{"name": "web", "containerPort": 80}])]);
    let namespace = prop::sample::select(vec!["x", "y", "z"]);
    let node = prop::sample::select(vec![None, Some("n1"), Some("n2"), Some("n3")]);
    (
        kinds,
        namespace,
        labels(),
        prop::sample::select(ips),
        (numbers, second),
        prop::bool::weighted(0.15),
        node,
    )
        .prop_map(move |(kind, namespace, labels, ips, (ports, second), host, node)| {
            let spec = json!({
                "hostNetwork": host, "nodeName": node,
                "containers": [{"name": "c", "ports": ports}, {"name": "d", "ports": second}],
            });
            let metadata =
                json!({"name": format!("w{index}"), "namespace": namespace, "labels": labels});
            if kind == "Pod" {
                let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
                let ips = if host { Vec::new() } else { ips };
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
                       "status": {"podIPs": ips}})
            } else {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
                       "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}}})
            }
        })
}

pub fn cluster() -> impl Strategy<Value = Vec<Value>> {
    let namespaces = prop::collection::vec(labels(), 2).prop_map(|labels| {
        let named = ["x", "y"].into_iter().zip(labels);
        named
            .map(|(name, labels)| {
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
            })
            .collect::<Vec<_>>()
    });
    let cidrs = prop::sample::select(vec![
        json!([]),
        json!(["10.1.0.0/16"]),
        json!(["10.1.0.0/16", "2001:db8::/48"]),
    ]);
    let nodes = (cidrs, labels(), labels(), 0_usize..6).prop_map(|(cidrs, one, two, count)| {
        let node = |name: &str, labels: Value, ip: &str, cidrs: &Value| {
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                   "spec": {"podCIDRs": cidrs},
                   "status": {"addresses": [{"type": "InternalIP", "address": ip}]}})
        };
        // Mostly both, sometimes one or none.
        let nodes =
            [node("n1", one, "10.1.0.100", &cidrs), node("n2", two, "172.16.0.2", &json!([]))];
        nodes.into_iter().take(count).collect::<Vec<Value>>()
    });
    let pods = (pod(0), pod(1), pod(2), pod(3));
    let policies = (policy(0), policy(1), policy(2), policy(3));
    let admin = (admin_policy(0), admin_policy(1), admin_policy(2), admin_policy(3));
    (namespaces, nodes, pods, policies, admin, 0_usize..=4, 0_usize..=4).prop_map(
        |(namespaces, nodes, pods, policies, admin, count, admin_count)| {
            let mut objects = namespaces;
            objects.extend(nodes);
            objects.extend([pods.0, pods.1, pods.2, pods.3]);
            objects
                .extend([policies.0, policies.1, policies.2, policies.3].into_iter().take(count));
            for policy in [admin.0, admin.1, admin.2, admin.3].into_iter().take(admin_count) {
                // Of two of one kind and name the later counts.
                super::changes::replace(&mut objects, &policy);
            }
            objects
        },
    )
}

pub fn how() -> impl Strategy<Value = How> {
    let profile = prop::sample::select(policy_core::profile::Profile::ALL.to_vec());
    let cidrs =
        prop::sample::select(vec![vec![], vec![], vec!["10.0.0.0/8"], vec!["2001:db8::/40"]]);
    (prop::bool::ANY, profile, cidrs).prop_map(|(spec, profile, cidrs)| How {
        profile: if spec { policy_core::profile::Profile::Spec } else { profile },
        pod_cidrs: cidrs.into_iter().map(str::to_owned).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000 / crate::share(), ..ProptestConfig::default() })]

    #[test]
    fn random_clusters(objects in cluster(), how in how()) {
        agree(&objects, &how, &ASKED);
    }
}
