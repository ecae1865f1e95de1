//! Every policy document that a real API server answered to: the same acceptance, the same
//! `spec` with its defaults, the same meaning of each error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use policy_core::manifest::{ReadOptions, Record, Severity, Source, read};
use serde_json::Value;

/// Refused by newer API servers only: here accepted, with a warning (C21).
const LEGACY_SPELLINGS: [&str; 5] = [
    "cidr-mapped-dotted-low",
    "cidr-six-host-bits",
    "cidr-slash-08",
    "except-host-bits",
    "except-mapped-in-four",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/api-server")
}

fn answers() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(folder().join("answers.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn records(name: &str, text: String) -> Vec<Record> {
    let options = ReadOptions { namespace: "default".into(), keep_spec: true };
    read(vec![Source { name: name.into(), text }], &options).records
}

fn said(records: &[Record], severity: Severity) -> Vec<String> {
    let all = records.iter().flat_map(|record| &record.diagnostics);
    all.filter(|one| one.severity == severity)
        .map(|one| format!("{}: {}", one.path, one.message))
        .collect()
}

/// What an error of the API server says, one for each problem: its path and a phrase.
fn meanings(error: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> =
        if error.contains("\n* ") { error.split("\n* ").skip(1).collect() } else { vec![error] };
    let of_line = |line: &str| {
        if let Some((_, rest)) = line.split_once("cannot unmarshal ") {
            let found = rest.split(' ').next().unwrap_or("");
            let field = rest.split(" field ").nth(1).and_then(|rest| rest.split(' ').next());
            let path = field.and_then(|field| field.split_once('.')).map_or("", |(_, path)| path);
            return (path.to_owned(), format!("cannot unmarshal {found}"));
        }
        let text = line.split_once("is invalid: ").map_or(line, |(_, rest)| rest);
        let path = text.split(": ").next().unwrap_or("").to_owned();
        let phrase = text.rsplit(": ").next().unwrap_or("");
        let phrase = phrase.split(" (e.g.").next().unwrap_or(phrase);
        let phrase = phrase.split(" in body ").last().unwrap_or(phrase);
        (path, phrase.to_owned())
    };
    // What follows from another error says nothing of its own.
    let follows = |(path, _): &(String, String)| path != "<nil>";
    lines.into_iter().map(of_line).filter(follows).collect()
}

#[test]
fn as_a_real_server() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, answer) in &answers() {
        count += 1;
        let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
        let records = records(name, text);
        let accepted = records.iter().all(|record| record.accepted == Some(true));
        let errors = said(&records, Severity::Error);
        let warnings = said(&records, Severity::Warning);
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{name}: {what}\n  said {errors:?} {warnings:?}\n  {answer}"));
            }
        };
        if LEGACY_SPELLINGS.contains(&name.as_str()) {
            expect(accepted && !warnings.is_empty(), "accepted with a warning");
            continue;
        }
        expect(Some(accepted) == answer["accepted"].as_bool(), "acceptance");
        match answer["error"].as_str() {
            Some(error) => {
                for (path, phrase) in meanings(error) {
                    let plain = |text: &str| {
                        let text: String = text.chars().filter(|c| !"'\"`".contains(*c)).collect();
                        text.to_lowercase()
                    };
                    let digits = |c: char| c.is_ascii_digit();
                    let bare = |path: &str| path.replace(['[', ']'], "").replace(digits, "");
                    let is_said = errors.iter().any(|said| {
                        let (at, message) = said.split_once(": ").unwrap();
                        let is_there = path.contains(' ') || bare(at).starts_with(&bare(&path));
                        is_there && plain(message).contains(&plain(&phrase))
                    });
                    let is_decoding = error.contains("error parsing") || error.contains("yaml:");
                    let is_mapping =
                        error.contains("no matches for kind") || error.contains("is missing in");
                    let known = is_said
                        || (is_decoding && records.iter().any(|record| record.kind.is_none()))
                        || (is_mapping && !errors.is_empty());
                    expect(known, &format!("says {path}: {phrase}"));
                }
            }
            None => {
                let strict = answer["strict_error"].as_str().is_some();
                expect(strict == warnings.iter().any(|w| w.contains("unknown field")), "warnings");
                if answer["spec"].is_object() {
                    let spec = records.first().and_then(|record| record.spec.clone());
                    expect(spec.as_ref() == Some(&answer["spec"]), &format!("spec {spec:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 177);
}

#[test]
fn as_the_upstream_tests() {
    let text = std::fs::read_to_string(folder().join("e2e-api-validation.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let records = records("policy", case["policy"].to_string());
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].accepted, case["accepted"].as_bool(), "{}", case["name"]);
    }
}
