//! Bytes to administrators' policies over a small cluster, to answers: every kind of peer, port and
//! action in every tier, with ranks that meet; compiled whole, and again object by object.
//!
//! Each run of eight bytes or so makes a rule. Of what is not to be had so (odd selectors, unknown
//! peers, texts that are refused) some are among the words; the rest is for `whole`.

#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use policy_core::compile::{Change, CompiledPolicy, Options, compile};
use policy_core::manifest::document::Object;
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::profile::Profile;
use policy_core::query::{
    Detail, Filter, Question, Verdict, flow, isolation, matrix, pairs,
};

const CLUSTER: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {team: x}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: y, labels: {team: y}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: a}}, spec: {nodeName: n, containers: [{name: c, ports: [{name: web, containerPort: 80}, {name: web, containerPort: 53, protocol: UDP}]}]}, status: {podIPs: [{ip: 10.0.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {app: b}}, spec: {containers: [{name: c, ports: [{name: web, containerPort: 80}, {name: web, containerPort: 81}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: y, labels: {app: a}}, spec: {hostNetwork: true, nodeName: n, containers: [{name: c}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: d, namespace: y, labels: {app: d}}, spec: {containers: [{name: c}]}, status: {podIPs: [{ip: 10.9.0.1}, {ip: 'fd00::1'}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: x}, spec: {selector: {app: a}, ports: [{port: 80}]}}
";
const NODE: &str = "
{apiVersion: v1, kind: Node, metadata: {name: n, labels: {zone: a}}, status: {addresses: [{type: InternalIP, address: 172.16.0.1}]}}
";
const SELECTORS: [&str; 6] = [
    "{}",
    "{matchLabels: {team: x}}",
    "{matchLabels: {app: a}}",
    "{matchExpressions: [{key: team, operator: NotIn, values: [x]}]}",
    "{matchExpressions: [{key: app, operator: Exists}]}",
    "{matchExpressions: [{key: app, operator: In}]}",
];
const NODES: [&str; 4] = [
    "{}",
    "{matchLabels: {zone: a}}",
    "{matchExpressions: [{key: zone, operator: NotIn, values: [a, b]}]}",
    "{matchExpressions: [{key: other, operator: DoesNotExist}]}",
];
const NETWORKS: [&str; 6] =
    ["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "'::/0'", "172.16.0.0/12", "128.0.0.0/1"];
const NAMES: [&str; 4] = ["a.example.com", "'*.example.com'", "b.example.org", "'*.org'"];
const PORTS: [u16; 4] = [53, 80, 81, 65535];
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
const ENDS: [&str; 9] = [
    "x/a", "x/b", "y/c", "y/d", "node/n", "203.0.113.7", "svc/x/s:80", "10.0.0.0/28", "fd00::/126",
];

/// Bytes, one after the other; zeros when there are no more.
struct Bytes<'b>(std::slice::Iter<'b, u8>);

impl Bytes<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }
}

fn pods(bytes: &mut Bytes<'_>) -> String {
    match bytes.below(3) {
        0 => format!("namespaces: {}", bytes.of(&SELECTORS)),
        _ => {
            let (namespaces, pods) = (bytes.of(&SELECTORS), bytes.of(&SELECTORS));
            format!("pods: {{namespaceSelector: {namespaces}, podSelector: {pods}}}")
        }
    }
}

fn peer(bytes: &mut Bytes<'_>, is_egress: bool) -> String {
    match bytes.below(if is_egress { 8 } else { 4 }) {
        0..=2 => pods(bytes),
        3 => "serviceAccounts: {}".to_owned(),
        4 => format!("nodes: {}", bytes.of(&NODES)),
        5 | 6 => format!("networks: [{}]", bytes.of(&NETWORKS)),
        _ => format!("domainNames: [{}]", bytes.of(&NAMES)),
    }
}

fn port(bytes: &mut Bytes<'_>, is_new: bool) -> String {
    let protocol = bytes.of(&PROTOCOLS);
    let (one, other) = (PORTS[bytes.below(4)], PORTS[bytes.below(4)]);
    let lower = protocol.to_lowercase();
    match (bytes.below(3), is_new) {
        (0, true) => "destinationNamedPort: web".to_owned(),
        (0, false) => "namedPort: web".to_owned(),
        (1, true) => format!("{lower}: {{destinationPort: {{number: {one}}}}}"),
        (1, false) => format!("portNumber: {{port: {one}, protocol: {protocol}}}"),
        (_, true) => {
            format!("{lower}: {{destinationPort: {{range: {{start: {one}, end: {other}}}}}}}")
        }
        (_, false) => format!("portRange: {{start: {one}, end: {other}, protocol: {protocol}}}"),
    }
}

fn rule(bytes: &mut Bytes<'_>, is_new: bool, is_egress: bool) -> String {
    let actions = if is_new { ["Accept", "Deny", "Pass"] } else { ["Allow", "Deny", "Pass"] };
    let mut text = format!("{{action: {}, ", bytes.of(&actions));
    text += if is_egress { "to: [" } else { "from: [" };
    for _ in 0..=bytes.below(2) {
        let _ = write!(text, "{{{}}}, ", peer(bytes, is_egress));
    }
    text.push(']');
    let ports = bytes.below(3);
    if ports > 0 {
        text += if is_new { ", protocols: [" } else { ", ports: [" };
        for _ in 0..ports {
            let _ = write!(text, "{{{}}}, ", port(bytes, is_new));
        }
        text.push(']');
    }
    text + "}"
}

fn policy(bytes: &mut Bytes<'_>, at: usize) -> String {
    let kind = bytes.below(5);
    if kind == 4 {
        let (pods, peers) = (bytes.of(&SELECTORS[..5]), bytes.of(&SELECTORS[..5]));
        let types = bytes.of(&["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
        return format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{at}, namespace: x}}, spec: {{podSelector: {pods}, policyTypes: {types}, ingress: [{{from: [{{namespaceSelector: {peers}}}]}}]}}}}\n"
        );
    }
    let (is_new, priority) = (kind < 2, bytes.below(3));
    let (head, spec) = match kind {
        0 => ("v1alpha2, kind: ClusterNetworkPolicy", format!("tier: Admin, priority: {priority}, ")),
        1 => ("v1alpha2, kind: ClusterNetworkPolicy", format!("tier: Baseline, priority: {priority}, ")),
        2 => ("v1alpha1, kind: AdminNetworkPolicy", format!("priority: {priority}, ")),
        _ => ("v1alpha1, kind: BaselineAdminNetworkPolicy", String::new()),
    };
    let name = if kind == 3 { "default".to_owned() } else { format!("p{at}") };
    let mut text = format!(
        "---\n{{apiVersion: policy.networking.k8s.io/{head}, metadata: {{name: {name}}}, spec: {{{spec}subject: {{{}}}",
        pods(bytes)
    );
    for (field, is_egress) in [("ingress", false), ("egress", true)] {
        let _ = write!(text, ", {field}: [");
        for _ in 0..bytes.below(4) {
            let _ = write!(text, "{}, ", rule(bytes, is_new, is_egress));
        }
        text.push(']');
    }
    text + "}}\n"
}

fn objects(text: String) -> Vec<Object> {
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    read(vec![Source { name: "fuzz".into(), text }], &options).take_objects()
}

/// Every answer, as far as it can be held against another.
fn answers(policy: &CompiledPolicy) -> Vec<Result<(Verdict, Vec<String>), String>> {
    let mut all = Vec::new();
    for from in ENDS {
        for to in ENDS {
            for port in [None, Some(80), Some(53)] {
                let question = Question {
                    from: from.parse().unwrap(),
                    to: to.parse().unwrap(),
                    protocol: None,
                    port: port.map(policy_core::manifest::document::PortRef::Number),
                };
                let answer = flow(policy, &question, Detail::Why);
                all.push(answer.map_err(|error| error.to_string()).map(|answer| {
                    let clauses = answer.clauses.iter().map(ToString::to_string).collect();
                    // A verdict that is settled hangs on nothing, and one that is open on something.
                    let of_parts = |part: &policy_core::query::Part| {
                        part.verdict != Verdict::Depends || !part.clauses.is_empty()
                    };
                    assert!(answer.parts.iter().all(of_parts), "{from} {to} {port:?}");
                    (answer.verdict, clauses)
                }));
            }
        }
    }
    all
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data.iter());
    let mut text = CLUSTER.to_owned();
    if bytes.below(2) == 0 {
        text += "---";
        text += NODE;
    }
    let profile = Profile::ALL[bytes.below(Profile::ALL.len())];
    let mut at = 0;
    while !bytes.0.as_slice().is_empty() && at < 6 {
        text += &policy(&mut bytes, at);
        at += 1;
    }
    let objects = objects(text);
    let options = || Options { profile, pod_cidrs: Vec::new() };
    let whole = compile(objects.clone(), options());
    let expected = answers(&whole);
    matrix(&whole, &Filter::default(), |_| {});
    isolation(&whole);

    // The same, one policy after the other, and the first away and there again.
    let is_policy = |object: &&Object| object.key.kind.is_policy();
    let rest: Vec<Object> = objects.iter().filter(|one| !is_policy(one)).cloned().collect();
    let mut grown = compile(rest, options());
    for object in objects.iter().filter(is_policy) {
        grown.change(Change::Put(Box::new(object.clone())));
    }
    if let Some(first) = objects.iter().find(is_policy) {
        grown.change(Change::Remove(first.key.clone()));
        grown.change(Change::Put(Box::new(first.clone())));
    }
    assert_eq!(answers(&grown), expected);
    assert_eq!(cells(&grown), cells(&whole));
});

/// Every cell of the matrix.
fn cells(policy: &CompiledPolicy) -> Vec<String> {
    let mut all = Vec::new();
    pairs(policy, &Filter::default(), |from, to, cell| {
        all.push(format!("{from:?} {to:?} {cell:?}"));
    });
    all
}
