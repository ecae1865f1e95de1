//! Bytes to IsolationRules beside a small cluster: judged, since another world, and written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use policy_core::check::{Levels, Report, RuleEntry, World, check, take_rules};
use policy_core::compile::{CompiledPolicy, Options, compile};
use policy_core::manifest::{Locator, ReadOptions, Reading, Source, read};
use policy_core::profile::Profile;
use policy_core::wire;
use policy_report::{
    CheckView, Root, Style, check_github, check_markdown, check_sarif, check_text,
};

const CLUSTER: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: y, labels: {team: b}}}
---
{apiVersion: v1, kind: Node, metadata: {name: n}, status: {addresses: [{type: InternalIP, address: 10.9.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: a}}, spec: {nodeName: n, containers: [{name: c, ports: [{name: web, containerPort: 80}]}]}, status: {podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {app: b}}, spec: {hostNetwork: true, nodeName: n}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: c, namespace: y}, spec: {template: {metadata: {labels: {app: a}}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {team: b}}}], ports: [{port: web}]}]}}
";

/// The same without its policy.
fn before() -> &'static str {
    CLUSTER.rsplit_once("---\n").unwrap().0
}

struct Side {
    reading: Reading,
    rules: Vec<RuleEntry>,
    policy: CompiledPolicy,
}

fn side(cluster: &str, rules: &str) -> Side {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let sources = vec![source("cluster.yaml", cluster), source("rules.yaml", rules)];
    let options = ReadOptions { namespace: "x".into(), keep_spec: false };
    let mut reading = read(sources, &options);
    let mut objects = reading.take_objects();
    let rules = take_rules(&mut objects);
    let options = Options { profile: Profile::Spec, pod_cidrs: Vec::new() };
    Side { reading, rules, policy: compile(objects, options) }
}

fn world(side: &Side) -> World<'_> {
    World { records: &side.reading.records, rules: &side.rules, policy: &side.policy }
}

fn render(report: &Report, side: &Side) {
    let mut places = Locator::new(&side.reading.sources);
    let root = Root { folder: "/r".into(), top: "/r".into() };
    let view = CheckView { findings: 20, blocks: 5 };
    check_text(report, &mut places, view, Style::Plain);
    for line in check_github(report, &mut places, &root).lines() {
        assert!(!line.contains('\r'));
    }
    check_markdown(report, &mut places);
    check_sarif(report, &side.rules, &Levels::default(), &mut places, &root).unwrap();
    let document = wire::check(report, side.policy.cluster(), &mut places);
    serde_json::to_string(&document).unwrap();
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if text.len() > 6_000 {
        return;
    }
    let now = side(CLUSTER, &text);
    if now.rules.len() > 8 {
        return;
    }
    let full = check(world(&now), None, &Levels::default());
    render(&full, &now);
    let earlier = side(before(), &text);
    let since = check(world(&now), Some(world(&earlier)), &Levels::default());
    render(&since, &now);
    let same = check(world(&now), Some(world(&now)), &Levels::default());
    assert!(same.findings.is_empty(), "{:?}", same.findings);
});
