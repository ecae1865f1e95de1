//! Twenty isolation rules over a cluster: how long it takes to judge them all, most of which do not
//! hold there.

use std::hint::black_box;
use std::time::Instant;

use policy_core::compile::CompiledPolicy;
use policy_core::manifest::document::{Body, IsolationRule};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::rules::{Bench, Since};

/// Says what judging costs, and what the violations with their witnesses cost on top.
pub(crate) fn rules(policy: &CompiledPolicy, say: &mut impl FnMut(&'static str, f64, &str)) {
    let rules = twenty();
    let start = Instant::now();
    let bench = Bench::new(policy);
    let judged: Vec<_> = rules.iter().map(|rule| bench.judge(rule)).collect();
    say("20 isolation rules judged", start.elapsed().as_secs_f64() * 1e3, "ms");
    let broken = judged.iter().filter(|one| !one.holds()).count();
    say("rules that do not hold", broken as f64, "");
    let start = Instant::now();
    let blocks: usize = judged
        .iter()
        .filter_map(|one| bench.violation(one))
        .map(|violation| black_box(violation).blocks.len())
        .sum();
    say("their violations by name, with witnesses", start.elapsed().as_secs_f64() * 1e3, "ms");
    say("blocks of violations", blocks as f64, "");
    let start = Instant::now();
    let since = Since::new(&bench, &bench);
    for one in &judged {
        black_box(since.of(one, one).holds());
    }
    say("what of it is new since the same world", start.elapsed().as_secs_f64() * 1e3, "ms");
}

fn twenty() -> Vec<IsolationRule> {
    let everyone = "[{namespaceSelector: {}}, {outside: {}}]";
    let namespace = |name: usize| {
        format!(
            "[{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ns-{name}}}}}}}]"
        )
    };
    let team =
        |name: usize| format!("[{{namespaceSelector: {{matchLabels: {{team: team-{name}}}}}}}]");
    let mut specs = vec![
        "separate: {byLabel: env}".to_owned(),
        "separate: {byLabel: team, except: [{ports: [{port: http}, {port: metrics}]}]}".to_owned(),
        "isolated: {pods: [{namespaceSelector: {}}]}".to_owned(),
        "isolated: {pods: [{namespaceSelector: {matchLabels: {env: prod}}}], directions: [Ingress]}"
            .to_owned(),
        format!(
            "require: {{from: [{{namespaceSelector: {{}}}}], to: {}, ports: [{{port: 53, protocol: UDP}}], reach: Any}}",
            namespace(0)
        ),
        "forbid: {from: [{outside: {}}], to: [{namespaceSelector: {matchLabels: {env: prod}}, podSelector: {matchLabels: {tier: db}}}]}".to_owned(),
        "forbid: {from: [{namespaceSelector: {}}], to: [{ipBlock: {cidr: 169.254.169.254/32}}]}".to_owned(),
        "forbid: {from: [{namespaceSelector: {}, podSelector: {matchLabels: {tier: web}}}], to: [{namespaceSelector: {}, podSelector: {matchLabels: {tier: db}}}]}".to_owned(),
    ];
    for index in 0..6 {
        specs.push(format!(
            "forbid: {{from: {everyone}, to: {}, except: [{{from: {}}}, {{from: {}, ports: [{{port: http}}]}}]}}",
            namespace(index * 17),
            namespace(index * 17),
            team(index)
        ));
        specs.push(format!(
            "require: {{from: {}, to: {}, ports: [{{port: http}}]}}",
            namespace(index * 13),
            namespace(index * 13 + 1)
        ));
    }
    let documents = (0..).zip(&specs).map(|(at, spec): (usize, _)| {
        format!("apiVersion: netverdict.dev/v1alpha1\nkind: IsolationRule\nmetadata: {{name: r{at}}}\nspec: {{{spec}}}\n")
    });
    let text = documents.collect::<Vec<_>>().join("---\n");
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let mut reading = read(vec![Source { name: "rules".into(), text }], &options);
    let rules = reading.take_objects().into_iter().filter_map(|object| match object.body {
        Body::IsolationRule(rule) => Some(rule),
        _ => None,
    });
    let rules: Vec<IsolationRule> = rules.collect();
    assert_eq!(rules.len(), 20, "{:?}", reading.records);
    rules
}
