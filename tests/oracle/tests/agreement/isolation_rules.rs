//! Isolation rules against brute force: every flow of small worlds, and what a change brings in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netverdict_oracle::{End, Flow, World};
use policy_core::cluster::Cluster;
use policy_core::compile::CompiledPolicy;
use policy_core::manifest::document::{Body, IsolationRule};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::Direction;
use policy_core::query::{Detail, flow};
use policy_core::rules::{Bench, NamedEnds, Since, Violation};
use proptest::prelude::*;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::compare::{How, engine, oracle};
use super::random;
use super::small::pod;

/// Where something may begin: the addresses and ports that rules and policies name, and the ones
/// behind.
struct Grid {
    addresses: Vec<IpAddr>,
    ports: Vec<(&'static str, u16)>,
}

fn next(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().checked_add(1).map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(ip) => ip.to_bits().checked_add(1).map(|bits| IpAddr::V6(bits.into())),
    }
}

/// The bounds of every block in a text.
fn bounds(value: &Value, found: &mut BTreeSet<IpAddr>) {
    match value {
        Value::String(text) => {
            let text = text.split('/').next().unwrap();
            if let (true, Ok(ip)) = (value.as_str().unwrap().contains('/'), text.parse::<IpAddr>())
            {
                found.insert(ip);
                let length: u32 =
                    value.as_str().unwrap().split('/').nth(1).unwrap().parse().unwrap();
                let last: IpAddr = match ip {
                    IpAddr::V4(ip) => {
                        let host = if length == 32 { 0 } else { u32::MAX >> length };
                        IpAddr::V4((ip.to_bits() | host).into())
                    }
                    IpAddr::V6(ip) => {
                        let host = if length == 128 { 0 } else { u128::MAX >> length };
                        IpAddr::V6((ip.to_bits() | host).into())
                    }
                };
                found.extend(next(last));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| bounds(item, found)),
        Value::Object(map) => map.values().for_each(|item| bounds(item, found)),
        _ => {}
    }
}

fn grid(objects: &[Value], rule: &Value, world: &World) -> Grid {
    let mut starts: BTreeSet<IpAddr> = ["0.0.0.0", "::"].map(|ip| ip.parse().unwrap()).into();
    objects.iter().for_each(|object| bounds(object, &mut starts));
    bounds(rule, &mut starts);
    let mut taken: BTreeSet<IpAddr> =
        world.pods.iter().flat_map(|pod| [pod.v4, pod.v6]).flatten().collect();
    for object in objects.iter().filter(|object| object["kind"] == "Node") {
        for one in object["status"]["addresses"].as_array().unwrap() {
            taken.insert(one["address"].as_str().unwrap().parse().unwrap());
        }
    }
    starts.extend(taken.iter().filter_map(|ip| next(*ip)));
    // Where a start is somebody's, the next that is nobody's.
    let free = starts.into_iter().filter_map(|mut ip| {
        while taken.contains(&ip) {
            ip = next(ip)?;
        }
        Some(ip)
    });
    let addresses: BTreeSet<IpAddr> = free.collect();
    let numbers = [1, 53, 54, 80, 81, 82, 400, 443, 444, 501];
    let ports = ["TCP", "UDP", "SCTP"].into_iter();
    Grid {
        addresses: addresses.into_iter().collect(),
        ports: ports.flat_map(|one| numbers.map(|number| (one, number))).collect(),
    }
}

fn ends(world: &World, objects: &[Value], grid: &Grid) -> Vec<End> {
    let pods = (0..world.pods.len()).map(End::Pod);
    let nodes = objects.iter().filter(|object| object["kind"] == "Node");
    let nodes = nodes.map(|node| End::Node(node["metadata"]["name"].as_str().unwrap().to_owned()));
    pods.chain(nodes).chain(grid.addresses.iter().copied().map(End::Address)).collect()
}

fn flows(ends: &[End], grid: &Grid) -> Vec<Flow> {
    let mut all = Vec::new();
    for from in ends {
        for to in ends {
            if matches!((from, to), (End::Pod(_), _) | (_, End::Pod(_))) {
                for (protocol, port) in &grid.ports {
                    all.push((from.clone(), to.clone(), (*protocol).to_owned(), *port));
                }
            }
        }
    }
    all
}

/// The order of ends: pods by namespace and name, nodes, addresses.
fn order(world: &World, end: &End) -> (u8, String, String, Option<IpAddr>) {
    match end {
        End::Pod(at) => {
            let pod = &world.pods[*at];
            (0, pod.namespace.clone(), pod.name.clone(), None)
        }
        End::Node(name) => (1, name.clone(), String::new(), None),
        End::Address(ip) => (2, String::new(), String::new(), Some(*ip)),
    }
}

fn first<'f>(world: &World, flows: &'f [Flow]) -> Option<&'f Flow> {
    let is_outside =
        |flow: &&Flow| matches!(flow.0, End::Address(_)) || matches!(flow.1, End::Address(_));
    let key = |flow: &&Flow| {
        let protocol = ["TCP", "UDP", "SCTP"].iter().position(|own| *own == flow.2).unwrap();
        (order(world, &flow.0), order(world, &flow.1), protocol, flow.3)
    };
    let outside = flows.iter().filter(is_outside).min_by_key(key);
    outside.or_else(|| flows.iter().min_by_key(key))
}

fn rule(spec: &Value) -> IsolationRule {
    let document = json!({"apiVersion": "netverdict.dev/v1alpha1", "kind": "IsolationRule",
                          "metadata": {"name": "r"}, "spec": spec});
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let mut reading = read(vec![Source { name: "r".into(), text: document.to_string() }], &options);
    assert_eq!(reading.records[0].accepted, Some(true), "{:?}", reading.records[0].diagnostics);
    match reading.take_objects().remove(0).body {
        Body::IsolationRule(rule) => rule,
        other => panic!("{other:?}"),
    }
}

fn end_name(world: &World, cluster: &Cluster, end: &End) -> String {
    match end {
        End::Pod(at) => {
            let pod = &world.pods[*at];
            let namespace = cluster.find_namespace(&pod.namespace).unwrap();
            let mut own = cluster.endpoints_named(namespace, &pod.name);
            let kind = |kind: policy_core::manifest::document::Kind| kind.name().to_lowercase();
            let (_, id) = own.find(|(own, _)| kind(*own) == pod.kind).unwrap();
            cluster.display(id)
        }
        End::Node(name) => format!("node/{name}"),
        End::Address(ip) => ip.to_string(),
    }
}

fn holds(ends: &NamedEnds, end: &End, name: &str) -> bool {
    match end {
        End::Address(ip) => ends.addresses.iter().any(|(first, last)| (first..=last).contains(&ip)),
        End::Pod(_) | End::Node(_) => ends.names.iter().any(|own| own == name),
    }
}

/// The flows of a grid that a violation's blocks hold; each must be in one block only.
fn expand(
    world: &World,
    cluster: &Cluster,
    violation: Option<&Violation>,
    flows: &[Flow],
) -> Vec<Flow> {
    let Some(violation) = violation else { return Vec::new() };
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut name = |end: &End| {
        let key = format!("{end:?}");
        names.entry(key).or_insert_with(|| end_name(world, cluster, end)).clone()
    };
    let protocol = |name: &str| policy_core::netset::Protocol::parse(name).unwrap();
    let mut found = Vec::new();
    for flow in flows {
        let (from, to) = (name(&flow.0), name(&flow.1));
        let own = violation.blocks.iter().filter(|block| {
            let all = block.allowed.union(&block.depends).union(&block.denied);
            holds(&block.from, &flow.0, &from)
                && holds(&block.to, &flow.1, &to)
                && all.contains(protocol(&flow.2), flow.3)
        });
        match own.count() {
            0 => {}
            1 => found.push(flow.clone()),
            _ => panic!("blocks overlap at {flow:?}"),
        }
    }
    found
}

/// A pod to itself, and a pod and its own node, are in blocks without being meant.
fn is_meant(world: &World, flow: &Flow) -> bool {
    let own = |one: &End, other: &End| match (one, other) {
        (End::Pod(pod), End::Node(name)) => world.pods[*pod].node.as_ref() == Some(name),
        _ => false,
    };
    let itself = flow.0 == flow.1 && matches!(flow.0, End::Pod(at) if world.pods[at].is_pod);
    !itself && !own(&flow.0, &flow.1) && !own(&flow.1, &flow.0)
}

fn agree(objects: &[Value], spec: &Value, how: &How) -> usize {
    let world = oracle(objects, how);
    let policy = engine(objects, how);
    agree_with(&world, &policy, objects, spec)
}

fn agree_with(world: &World, policy: &CompiledPolicy, objects: &[Value], spec: &Value) -> usize {
    let grid = grid(objects, spec, world);
    let ends = ends(world, objects, &grid);
    let all = flows(&ends, &grid);
    let expected = world.breaking(spec, &all);
    let bench = Bench::new(policy);
    let judged = bench.judge(&rule(spec));
    let violation = bench.violation(&judged);
    let cluster = policy.cluster();
    let found = expand(world, cluster, violation.as_ref(), &all);
    let found: Vec<Flow> = found.into_iter().filter(|flow| is_meant(world, flow)).collect();
    let say = || serde_json::to_string_pretty(&json!([spec, objects])).unwrap();
    assert_eq!(found, expected, "{}", say());
    for direction in [Direction::Ingress, Direction::Egress] {
        let expected: BTreeSet<String> = world
            .not_isolated(spec, direction.name())
            .into_iter()
            .map(|at| end_name(world, cluster, &End::Pod(at)))
            .collect();
        let open = violation.iter().flat_map(|own| &own.open);
        let found: BTreeSet<String> = open
            .filter(|(own, _)| *own == direction)
            .flat_map(|(_, pods)| pods.names.clone())
            .collect();
        assert_eq!(found, expected, "{}", say());
    }
    let witness = violation.as_ref().and_then(|own| own.witness.as_ref());
    match (first(world, &expected), witness) {
        (None, None) => {}
        (Some(first), Some(witness)) => {
            let own = (
                witness.names[0].clone(),
                witness.names[1].clone(),
                witness.protocol.name().to_owned(),
                witness.port,
            );
            let first_names = (
                end_name(world, cluster, &first.0),
                end_name(world, cluster, &first.1),
                first.2.clone(),
                first.3,
            );
            assert_eq!(own, first_names, "{}", say());
            let asked = flow(policy, &witness.question, Detail::Verdict).unwrap();
            assert_eq!(asked.verdict, witness.answer.verdict);
            let verdict = world.flow(&first.0, &first.1, &first.2, first.3).verdict;
            assert_eq!(witness.answer.verdict.name(), verdict, "{}", say());
        }
        (first, witness) => panic!("{first:?} {witness:?} {}", say()),
    }
    expected.len()
}

fn casts() -> Vec<Vec<Value>> {
    let node = |name: &str, ip: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
               "status": {"addresses": [{"type": "InternalIP", "address": ip}]}})
    };
    let plain = || json!({});
    let a = |spec: Value, ips: &[&str]| pod("x", "a", json!({"app": "a"}), spec, ips);
    let b = |spec: Value, ips: &[&str]| pod("x", "b", json!({"app": "b"}), spec, ips);
    let c = |spec: Value, ips: &[&str]| pod("y", "c", json!({"app": "a"}), spec, ips);
    let two = json!({"containers": [
        {"name": "c", "ports": [{"name": "web", "containerPort": 80}]},
        {"name": "d", "ports": [{"name": "web", "containerPort": 443}]}]});
    vec![
        vec![a(plain(), &["10.0.0.1"]), b(plain(), &["10.0.0.2"]), c(plain(), &["10.9.0.3"])],
        vec![a(two, &[]), b(plain(), &["2001:db8::b"]), c(plain(), &["10.9.0.3", "2001:db8::c"])],
        vec![
            node("n1", "10.0.0.100"),
            node("n2", "10.9.0.100"),
            a(json!({"hostNetwork": true, "nodeName": "n1"}), &[]),
            b(json!({"nodeName": "n1"}), &["10.0.0.2"]),
            c(json!({"nodeName": "n2"}), &[]),
        ],
    ]
}

fn policies() -> Vec<Vec<Value>> {
    let policy = |name: &str, spec: Value| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"name": name, "namespace": "x"}, "spec": spec})
    };
    let deny = || policy("deny", json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    let some = policy(
        "some",
        json!({"podSelector": {"matchLabels": {"app": "b"}},
               "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "y"}}},
                                     {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]}}],
                            "ports": [{"port": 80}, {"protocol": "UDP", "port": 53}]}]}),
    );
    let named = policy(
        "named",
        json!({"podSelector": {}, "policyTypes": ["Egress"],
               "egress": [{"to": [{"namespaceSelector": {}}], "ports": [{"port": "web"}]},
                          {"to": [{"ipBlock": {"cidr": "::/0"}}]}]}),
    );
    vec![
        vec![],
        vec![deny()],
        vec![some.clone()],
        vec![deny(), some.clone()],
        vec![named.clone()],
        vec![some, named],
    ]
}

fn peers() -> Vec<Value> {
    vec![
        json!([{"namespaceSelector": {}}]),
        json!([{"namespaceSelector": {}}, {"outside": {}}]),
        json!([{"namespaceSelector": {"matchLabels": {"team": "y"}}}]),
        json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}}]),
        json!([{"namespaceSelector": {"matchLabels": {"team": "nobody"}}}]),
        json!([{"outside": {}}]),
        json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}]),
        json!([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.2/32"]}}]),
        json!([{"ipBlock": {"cidr": "2001:db8::/32"}}, {"namespaceSelector": {"matchLabels": {"team": "y"}}}]),
        json!([{"ipBlock": {"cidr": "10.0.0.1/32"}}]),
    ]
}

fn ports() -> Vec<Value> {
    vec![
        Value::Null,
        json!([{"port": 80}]),
        json!([{"port": "web"}, {"protocol": "UDP"}]),
        json!([{"port": 81, "endPort": 443}]),
    ]
}

fn specs() -> Vec<Value> {
    let mut all = Vec::new();
    let flows = |from: &Value, to: &Value, ports: &Value| {
        let mut rule = json!({"from": from, "to": to});
        if !ports.is_null() {
            rule["ports"] = ports.clone();
        }
        rule
    };
    let excepts = [
        json!([]),
        json!([{"ports": [{"port": 80}]}]),
        json!([{"from": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}]},
               {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "b"}}}],
                "ports": [{"port": "web"}]}]),
        json!([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "to": [{"outside": {}}]}]),
    ];
    for from in peers() {
        for to in peers() {
            for (at, ports) in ports().iter().enumerate() {
                let rule = flows(&from, &to, ports);
                let mut forbid = rule.clone();
                forbid["except"] = excepts[(all.len() + at) % excepts.len()].clone();
                all.push(json!({"forbid": forbid}));
                let mut any = rule.clone();
                any["reach"] = json!("Any");
                all.push(json!({"require": rule}));
                all.push(json!({"require": any}));
            }
        }
    }
    for directions in [Value::Null, json!(["Ingress"]), json!(["Egress"])] {
        for except in [Value::Null, peers()[2].clone(), peers()[3].clone()] {
            let mut rule = json!({"pods": peers()[0]});
            for (key, value) in [("directions", &directions), ("except", &except)] {
                if !value.is_null() {
                    rule[key] = value.clone();
                }
            }
            all.push(json!({"isolated": rule}));
        }
    }
    for except in &excepts {
        all.push(json!({"separate": {"byLabel": "team", "except": except}}));
        all.push(json!({"separate": {"except": except, "groups": [
            {"name": "x", "namespaceSelector": {"matchLabels": {"team": "x"}}},
            {"name": "y", "namespaceSelector": {"matchLabels": {"team": "y"}}}]}}));
        all.push(json!({"separate": {"except": except, "groups": [
            {"name": "all", "namespaceSelector": {}},
            {"name": "y", "namespaceSelector": {"matchLabels": {"team": "y"}}}]}}));
    }
    all
}

fn namespaces() -> Vec<Value> {
    let of = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": name, "labels": {"team": name}}})
    };
    vec![of("x"), of("y")]
}

#[test]
fn every_rule_in_small_worlds() {
    let hows = [
        How::spec(),
        How {
            profile: policy_core::profile::Profile::Calico,
            pod_cidrs: vec!["10.0.0.0/9".into()],
        },
    ];
    let specs = specs();
    let mut worlds = Vec::new();
    for cast in casts() {
        for policies in policies() {
            for how in &hows {
                let mut objects = namespaces();
                objects.extend(cast.iter().cloned());
                objects.extend(policies.iter().cloned());
                worlds.push((objects, how));
            }
        }
    }
    let broken: usize = worlds
        .par_iter()
        .map(|(objects, how)| {
            let (world, policy) = (oracle(objects, how), engine(objects, how));
            specs
                .iter()
                .step_by(super::share() as usize)
                .map(|spec| usize::from(agree_with(&world, &policy, objects, spec) > 0))
                .sum::<usize>()
        })
        .sum();
    println!("{} worlds × {} rules, {broken} broken", worlds.len(), specs.len());
    assert!(broken > 0);
}

fn peer_list() -> impl Strategy<Value = Value> {
    let blocks = vec![
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "10.1.0.0/16", "except": ["10.1.0.0/30"]}),
        json!({"cidr": "2001:db8::/33"}),
    ];
    let one = prop_oneof![
        3 => random::selector().prop_map(|s| json!({"namespaceSelector": s})),
        3 => random::selector().prop_map(|s| json!({"namespaceSelector": {}, "podSelector": s})),
        1 => prop::sample::select(blocks).prop_map(|block| json!({"ipBlock": block})),
        1 => Just(json!({"outside": {}})),
    ];
    prop::collection::vec(one, 1..3).prop_map(|list| json!(list))
}

fn port_list() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!([{"port": 80}]),
        json!([{"port": "web"}]),
        json!([{"protocol": "UDP"}, {"port": 400, "endPort": 500}]),
    ])
}

fn parts() -> impl Strategy<Value = Value> {
    (peer_list(), peer_list(), port_list()).prop_map(|(from, to, ports)| {
        let mut rule = json!({"from": from, "to": to});
        if !ports.is_null() {
            rule["ports"] = ports;
        }
        rule
    })
}

fn spec() -> impl Strategy<Value = Value> {
    let exceptions = || prop::collection::vec(parts(), 0..3);
    prop_oneof![
        4 => (parts(), exceptions()).prop_map(|(mut rule, except)| {
            rule["except"] = json!(except);
            json!({"forbid": rule})
        }),
        2 => (parts(), prop::sample::select(vec!["All", "Any"])).prop_map(|(mut rule, reach)| {
            rule["reach"] = json!(reach);
            json!({"require": rule})
        }),
        1 => random::selector().prop_map(|s| json!({"isolated": {"pods": [{"namespaceSelector": {}, "podSelector": s}]}})),
        1 => (prop::sample::select(vec!["app", "tier"]), exceptions())
            .prop_map(|(key, except)| json!({"separate": {"byLabel": key, "except": except}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500 / super::share(), ..ProptestConfig::default() })]

    #[test]
    fn rules_of_random_clusters(objects in random::cluster(), how in random::how(), spec in spec()) {
        agree(&objects, &spec, &how);
    }

    /// What is introduced is what breaks the rule now and did not before.
    #[test]
    fn introduced_is_the_difference(
        before in random::cluster(),
        policies in prop::collection::vec(random::policy(2), 1..2),
        how in random::how(),
        spec in spec(),
    ) {
        let mut now = before.clone();
        for policy in policies {
            now.retain(|own| own["metadata"]["name"] != policy["metadata"]["name"] || own["kind"] != "NetworkPolicy");
            now.push(policy);
        }
        let worlds = (oracle(&before, &how), oracle(&now, &how));
        let compiled = (engine(&before, &how), engine(&now, &how));
        let mut both = before.clone();
        both.extend(now.clone());
        let grid = grid(&both, &spec, &worlds.1);
        let all = flows(&ends(&worlds.1, &now, &grid), &grid);
        let (old, new) = (worlds.0.breaking(&spec, &all), worlds.1.breaking(&spec, &all));
        let expected: Vec<Flow> = new.into_iter().filter(|flow| !old.contains(flow)).collect();
        let benches = (Bench::new(&compiled.0), Bench::new(&compiled.1));
        let own = rule(&spec);
        let (there, here) = (benches.0.judge(&own), benches.1.judge(&own));
        let since = Since::new(&benches.1, &benches.0).of(&here, &there);
        let violation = benches.1.violation(&since);
        let found = expand(&worlds.1, compiled.1.cluster(), violation.as_ref(), &all);
        let found: Vec<Flow> = found.into_iter().filter(|flow| is_meant(&worlds.1, flow)).collect();
        prop_assert_eq!(found, expected, "{}", serde_json::to_string_pretty(&json!([spec, before, now])).unwrap());
    }
}
