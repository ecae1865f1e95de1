//! Every case of two sides, answered by the engine in this process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use netverdict_book::{DiffCase, DiffLine};
use policy_core::wire::handle_text;
use serde_json::{Value, json};

/// The answer to a case, through the door that every host has.
fn answer(case: &DiffCase) -> Value {
    let directives = &case.directives;
    let request = json!({
        "manifests": [{"name": "before", "text": case.before}],
        "namespace": directives.namespace,
        "profile": directives.profile,
        "podCidrs": directives.pod_cidrs,
        "diff": {"manifests": [{"name": "after", "text": case.after}]},
    });
    let response: Value = serde_json::from_str(&handle_text(&request.to_string())).unwrap();
    assert_eq!(response.get("error"), None, "{}: {response}", case.name);
    assert_eq!(response.get("refused"), None, "{}: {response}", case.name);
    assert_eq!(response.get("diffRefused"), None, "{}: {response}", case.name);
    response["diff"].clone()
}

/// Whether a side of a block holds an end.
fn holds(side: &Value, end: &str) -> bool {
    let address = end.parse::<std::net::IpAddr>();
    side.as_array().unwrap().iter().any(|one| match (one, &address) {
        (Value::String(name), _) => name == end,
        (outside, Ok(address)) => outside["addresses"].as_array().unwrap().iter().any(|range| {
            let (first, last) = range.as_str().unwrap().split_once('-').unwrap();
            let of = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
            of(first).is_ipv4() == address.is_ipv4() && (of(first)..=of(last)).contains(address)
        }),
        _ => false,
    })
}

/// Ports as the book writes them.
fn ports(blocks: &[&Value]) -> String {
    let mut all: Vec<(usize, u64, u64, String)> = Vec::new();
    for port in blocks.iter().flat_map(|block| block["ports"].as_array().unwrap()) {
        let protocol = port["protocol"].as_str().unwrap();
        let order = ["TCP", "UDP", "SCTP"].iter().position(|own| *own == protocol).unwrap();
        let first = port["port"].as_u64().unwrap();
        let last = port["endPort"].as_u64().unwrap_or(first);
        all.push((order, first, last, protocol.to_lowercase()));
    }
    all.sort();
    let every = |(_, first, last, _): &(usize, u64, u64, String)| (*first, *last) == (1, 65_535);
    if all.len() == 3 && all.iter().all(every) {
        return "all".to_owned();
    }
    let texts = all.iter().map(|one| match one {
        (_, first, last, protocol) if first == last => format!("{protocol}/{first}"),
        (_, _, _, protocol) if every(one) => protocol.clone(),
        (_, first, last, protocol) => format!("{protocol}/{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn check(found: &Value, line: &DiffLine) -> Option<String> {
    const TURNS: [&str; 4] = ["opened", "closed", "toDepends", "fromDepends"];
    let between = |turn: &str, from: &str, to: &str| -> Vec<&Value> {
        let blocks = found[turn].as_array().unwrap().iter();
        blocks.filter(|block| holds(&block["from"], from) && holds(&block["to"], to)).collect()
    };
    match line {
        DiffLine::Turn { turn, from, to, traffic, causes } => {
            let blocks = between(turn, from, to);
            let own = ports(&blocks);
            if own != *traffic {
                return Some(format!("is `{own}`"));
            }
            let named: BTreeSet<&str> = blocks
                .iter()
                .flat_map(|block| block["because"].as_array().unwrap())
                .map(|cause| cause["name"].as_str().unwrap())
                .collect();
            let wanted: BTreeSet<&str> = causes.iter().map(String::as_str).collect();
            (!causes.is_empty() && named != wanted).then(|| format!("is because of {named:?}"))
        }
        DiffLine::Same { from, to } => TURNS
            .iter()
            .find(|turn| !between(turn, from, to).is_empty())
            .map(|turn| format!("is {turn}")),
        DiffLine::Object { name, effect } => {
            let objects = found["objects"].as_array().unwrap();
            let own = objects.iter().find(|one| one["name"] == name.as_str());
            match own {
                None => Some("did not change".to_owned()),
                Some(own) if own["effect"] == effect.as_str() => None,
                Some(own) => Some(format!("has the effect {}", own["effect"])),
            }
        }
    }
}

#[test]
fn every_case_of_two_sides() {
    let cases = netverdict_book::diffs().unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        assert!(!case.lines.is_empty(), "{}", case.name);
        let found = answer(case);
        for line in &case.lines {
            if let Some(why) = check(&found, line) {
                wrong.push(format!("{}: {line:?}: {why}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 9);
}
