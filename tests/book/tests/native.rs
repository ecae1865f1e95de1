//! Every case, answered by the engine in this process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use netverdict_book::{Case, Flow};
use policy_core::compile::{CompiledPolicy, Options, compile};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::{Protocol, parse_cidr};
use policy_core::profile::Profile;
use policy_core::query::{Detail, Question, flow, parse_port};

fn policy_of(case: &Case) -> CompiledPolicy {
    let directives = &case.directives;
    let namespace = directives.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let options = ReadOptions { namespace, keep_spec: false };
    let source = Source { name: case.name.clone(), text: case.manifests.clone() };
    let mut reading = read(vec![source], &options);
    let profile = directives.profile.as_deref().unwrap_or("spec");
    let options = Options {
        profile: Profile::parse(profile).unwrap(),
        pod_cidrs: directives.pod_cidrs.iter().map(|c| parse_cidr(c).unwrap().cidr).collect(),
    };
    compile(reading.take_objects(), options)
}

/// What is wrong with the answer to a line.
fn check(policy: &CompiledPolicy, line: &Flow) -> Option<String> {
    let question = || -> Result<Question, String> {
        Ok(Question {
            from: line.from.parse().map_err(|e| format!("{e}"))?,
            to: line.to.parse().map_err(|e| format!("{e}"))?,
            protocol: line.protocol.as_deref().map(|p| Protocol::parse(p).unwrap()),
            port: line.port.as_deref().map(|p| parse_port(p).unwrap()),
        })
    };
    let answer = question()
        .and_then(|question| flow(policy, &question, Detail::Why).map_err(|e| format!("{e}")));
    let answer = match answer {
        Ok(answer) => answer,
        Err(_) if line.verdict == "error" => return None,
        Err(error) => return Some(format!("error: {error}")),
    };
    if answer.verdict.name() != line.verdict {
        let clauses: Vec<String> = answer.clauses.iter().map(ToString::to_string).collect();
        return Some(format!("is {} {}", answer.verdict, clauses.join(" ")));
    }
    let clauses: Vec<String> = answer.clauses.iter().map(ToString::to_string).collect();
    if !line.clauses.is_empty() && clauses != line.clauses {
        return Some(format!("names the clauses {clauses:?}"));
    }
    let whys = answer.parts.iter().filter_map(|part| part.why.as_deref());
    let reasons: Vec<&str> = whys
        .flat_map(|why| why.egress.policies.iter().chain(&why.ingress.policies))
        .map(|policy| policy.policy.name.as_str())
        .collect();
    if let Some(missing) = line.policies.iter().find(|name| !reasons.contains(&name.as_str())) {
        return Some(format!("does not name {missing} among {reasons:?}"));
    }
    let cell = answer.cell();
    let differs = |wanted: &Option<String>, is: String| {
        wanted.as_ref().filter(|wanted| **wanted != is).map(|_| is)
    };
    if let Some(is) = differs(&line.allowed, cell.allowed.to_string()) {
        return Some(format!("allows {is}"));
    }
    differs(&line.depends, cell.depends.to_string()).map(|is| format!("depends for {is}"))
}

/// What a check finds, a line each, and how many rules hold.
fn found(case: &Case) -> Vec<String> {
    let directives = &case.directives;
    let request = serde_json::json!({
        "manifests": [{"name": case.name, "text": case.manifests}],
        "namespace": directives.namespace,
        "profile": directives.profile,
        "podCidrs": directives.pod_cidrs,
        "check": {},
    });
    let response = policy_core::wire::handle(serde_json::from_value(request).unwrap());
    let report = response.check.expect("a report");
    let mut lines: Vec<String> = report
        .findings
        .iter()
        .map(|one| {
            let head = format!("{} {}", one.severity, one.id);
            match (&one.witness, one.open.as_slice()) {
                (Some(own), _) => format!(
                    "{head} {} -> {} {}/{} {}",
                    own.from,
                    own.to,
                    own.protocol.to_lowercase(),
                    own.port,
                    own.verdict
                ),
                (None, []) => format!("{head} at {}", one.path),
                (None, open) => {
                    let open = open.iter();
                    let open = open.map(|one| format!("{} {}", one.direction, one.pods.join(", ")));
                    format!("{head} open {}", open.collect::<Vec<_>>().join("; "))
                }
            }
        })
        .collect();
    lines.push(format!("{} of {} hold", report.counts.held, report.counts.rules));
    lines
}

#[test]
fn every_check() {
    let cases = netverdict_book::all().unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in &cases {
        let Some(expected) = &case.findings else { continue };
        count += 1;
        let found = found(case);
        if found != *expected {
            wrong.push(format!("{}:\n  {}", case.name, found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 12);
}

#[test]
fn every_case() {
    let cases = netverdict_book::all().unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    // Of each corpus: how many flows, and how many of them depend.
    let mut shares: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for case in &cases {
        let policy = policy_of(case);
        let corpus = case.name.split('/').next().unwrap();
        let share = shares.entry(corpus).or_default();
        for line in &case.flows {
            count += 1;
            share.0 += 1;
            share.1 += u32::from(line.verdict == "depends");
            if let Some(why) = check(&policy, line) {
                let Flow { number, from, to, protocol, port, verdict, .. } = line;
                wrong.push(format!(
                    "{}: flows line {number}: {from} -> {to} {protocol:?} {port:?} {verdict} {:?}: {why}",
                    case.name, line.clauses
                ));
            }
        }
    }
    println!("{} cases, {count} flows", cases.len());
    for (corpus, (flows, depends)) in shares {
        let percent = f64::from(depends) / f64::from(flows) * 100.0;
        println!("  {corpus}: {flows} flows, {depends} depend ({percent:.2}%)");
        // The book and what stands beside it for the tiers ask about every open clause; of real
        // policies none may hang on them.
        let is_made = ["semantics", "admin-tiers"].iter().any(|made| corpus.starts_with(made));
        assert!(is_made || percent <= 1.0, "{corpus}");
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 4_700);
}
