//! One world, asked of both.

use std::collections::BTreeSet;
use std::net::IpAddr;

use netverdict_oracle::{End, Profile, World};
use policy_core::compile::{ClassId, CompiledPolicy, Options, compile};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::{Protocol, parse_cidr};
use policy_core::profile;
use policy_core::query::{self, Detail, EndName, Filter, Question, Verdict, classes, flow, matrix};
use serde_json::Value;

/// How a world is read.
#[derive(Clone, Debug)]
pub struct How {
    pub profile: profile::Profile,
    pub pod_cidrs: Vec<String>,
}

impl How {
    pub fn spec() -> How {
        How { profile: profile::Profile::Spec, pod_cidrs: Vec::new() }
    }
}

/// What is asked: addresses outside, and ports.
pub struct Asked<'a> {
    pub addresses: &'a [&'a str],
    pub ports: &'a [(&'a str, u16)],
}

/// How often each verdict came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub flows: u64,
    pub allow: u64,
    pub deny: u64,
    pub depends: u64,
}

impl Tally {
    pub fn add(self, other: Tally) -> Tally {
        Tally {
            flows: self.flows + other.flows,
            allow: self.allow + other.allow,
            deny: self.deny + other.deny,
            depends: self.depends + other.depends,
        }
    }
}

pub fn engine(objects: &[Value], how: &How) -> CompiledPolicy {
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let source = Source { name: "world".into(), text: list.to_string() };
    let mut reading = read(vec![source], &options);
    for record in &reading.records {
        // A rule that fails closed is refused, and counts.
        let counts = record.accepted == Some(true) || record.object.is_some();
        assert!(counts, "{:?}", record.diagnostics);
    }
    let pod_cidrs = how.pod_cidrs.iter().map(|c| parse_cidr(c).unwrap().cidr).collect();
    compile(reading.take_objects(), Options { profile: how.profile, pod_cidrs })
}

pub fn oracle(objects: &[Value], how: &How) -> World {
    let profile = match how.profile {
        profile::Profile::Spec => Profile::Spec,
        profile::Profile::Calico => Profile::Calico,
        profile::Profile::Cilium => Profile::Cilium,
        profile::Profile::Antrea => Profile::Antrea,
        profile::Profile::OvnKubernetes => Profile::OvnKubernetes,
        profile::Profile::KubeNetworkPolicies => Profile::KubeNetworkPolicies,
    };
    let cidrs: Vec<&str> = how.pod_cidrs.iter().map(String::as_str).collect();
    World::new(objects, profile, &cidrs)
}

fn end_text(world: &World, end: &End) -> String {
    match end {
        End::Pod(at) => {
            let pod = &world.pods[*at];
            format!("{}/{}/{}", pod.kind, pod.namespace, pod.name)
        }
        End::Node(name) => format!("node/{name}"),
        End::Address(ip) => ip.to_string(),
    }
}

/// Every end of a world.
fn ends(world: &World, nodes: &[String], asked: &Asked<'_>) -> Vec<End> {
    let pods = (0..world.pods.len()).map(End::Pod);
    let nodes = nodes.iter().cloned().map(End::Node);
    let addresses = asked.addresses.iter().map(|ip| End::Address(ip.parse::<IpAddr>().unwrap()));
    pods.chain(nodes).chain(addresses).collect()
}

/// Asks every flow of both; panics where they differ.
pub fn agree(objects: &[Value], how: &How, asked: &Asked<'_>) -> Tally {
    let policy = engine(objects, how);
    agree_with(&policy, objects, how, asked)
}

/// The same with a policy that came about in some other way.
pub fn agree_with(
    policy: &CompiledPolicy,
    objects: &[Value],
    how: &How,
    asked: &Asked<'_>,
) -> Tally {
    let world = oracle(objects, how);
    let nodes: Vec<String> = objects
        .iter()
        .filter(|object| object["kind"] == "Node")
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let mut tally = Tally::default();
    let all = ends(&world, &nodes, asked);
    for from in &all {
        for to in &all {
            if !matches!((from, to), (End::Pod(_), _) | (_, End::Pod(_))) {
                continue;
            }
            for (protocol, port) in asked.ports {
                let question = Question {
                    from: end_text(&world, from).parse().unwrap(),
                    to: end_text(&world, to).parse().unwrap(),
                    protocol: Protocol::parse(protocol),
                    port: query::parse_port(&port.to_string()),
                };
                let answer = flow(policy, &question, Detail::Verdict)
                    .unwrap_or_else(|error| panic!("{error}: {question:?}"));
                let expected = world.flow(from, to, protocol, *port);
                let same = answer.verdict.name() == expected.verdict
                    && (expected.verdict != "depends" || {
                        let own: BTreeSet<String> =
                            answer.clauses.iter().map(ToString::to_string).collect();
                        let wanted: BTreeSet<String> =
                            expected.clauses.iter().map(|c| (*c).to_owned()).collect();
                        own == wanted
                    });
                assert!(
                    same,
                    "{} -> {} {protocol}/{port}: engine {} {:?}, oracle {expected:?}\n{how:?}\n{}",
                    end_text(&world, from),
                    end_text(&world, to),
                    answer.verdict,
                    answer.clauses,
                    serde_json::to_string_pretty(objects).unwrap()
                );
                tally.flows += 1;
                match answer.verdict {
                    Verdict::Allow => tally.allow += 1,
                    Verdict::Deny => tally.deny += 1,
                    Verdict::Depends => tally.depends += 1,
                    Verdict::Mixed => panic!("one flow cannot be mixed"),
                }
                // The reasons come to the same verdicts, and nothing panics.
                if tally.flows % 64 == 0 {
                    let why = flow(policy, &question, Detail::Why).unwrap();
                    assert_eq!(why.verdict, answer.verdict);
                    assert!(why.parts.iter().all(|part| part.why.is_some()));
                }
            }
        }
    }
    matrix_agrees(policy);
    tally
}

/// The matrix says of each pair of classes what the cell says, once; and counts what it says.
pub fn matrix_agrees(policy: &CompiledPolicy) {
    let filter = Filter::default();
    let mut cells: std::collections::BTreeMap<(u32, u32), policy_core::compile::Cell> =
        Default::default();
    let counts = matrix(policy, &filter, |block| {
        assert!(!block.cell.is_denied());
        for from in block.from.classes.iter() {
            for to in block.to.classes.iter() {
                let before = cells.insert((from, to), block.cell.clone());
                assert!(before.is_none(), "blocks overlap at {from}, {to}");
            }
        }
    });
    let classes = classes(policy, &filter);
    let (mut class_pairs, mut pod_pairs) = (0, 0);
    for from in &classes {
        for to in &classes {
            let cell = policy.cell(from.id, to.id);
            let shown = cells.get(&(from.id.0, to.id.0)).cloned().unwrap_or_default();
            assert_eq!(cell, shown, "{from:?} {to:?}");
            if cell.is_denied() {
                continue;
            }
            class_pairs += 1;
            for one in &from.members {
                for other in &to.members {
                    let is_pod = policy.cluster().endpoint(*one).unwrap().is_pod();
                    pod_pairs += u64::from(!(one == other && is_pod));
                }
            }
        }
    }
    assert_eq!((counts.class_pairs, counts.pod_pairs), (class_pairs, pod_pairs));
    assert_eq!(counts.classes, classes.len() as u64);
    let isolation = query::isolation(policy);
    for own in &isolation.endpoints {
        let class = policy.class_of(own.endpoint).unwrap();
        let (mut reaches, mut reached) = ((0, 0), (0, 0));
        for (other, endpoint) in policy.cluster().endpoints() {
            if other == own.endpoint && endpoint.is_pod() {
                continue;
            }
            let of = |from: ClassId, to: ClassId, count: &mut (u64, u64)| {
                let cell = policy.cell(from, to);
                if !cell.allowed.is_empty() {
                    count.0 += 1;
                } else if !cell.depends.is_empty() {
                    count.1 += 1;
                }
            };
            let there = policy.class_of(other).unwrap();
            of(class, there, &mut reaches);
            of(there, class, &mut reached);
        }
        assert_eq!((own.reaches.allowed, own.reaches.depends), reaches);
        assert_eq!((own.reached_by.allowed, own.reached_by.depends), reached);
    }
    let _ = EndName::Node(String::new());
}
