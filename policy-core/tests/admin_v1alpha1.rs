//! Every rule of the definitions of AdminNetworkPolicy and BaselineAdminNetworkPolicy, in its
//! accepted and its refused form: what is said of it, where, and whether it counts in answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use policy_core::manifest::{ReadOptions, Record, Severity, Source, read};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/admin-v1alpha1")
}

fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| !"'\"`\\".contains(*c)).collect();
    text.to_lowercase()
}

/// What is wrong with what is said, each a path and words that must be there; nothing else may be.
fn differs(record: &Record, severity: Severity, expected: &Value) -> Option<String> {
    let all = record.diagnostics.iter().filter(|one| one.severity == severity);
    let mut said: Vec<(String, String)> =
        all.map(|one| (one.path.to_string(), plain(&one.message))).collect();
    let whole = format!("{said:?}");
    for line in expected.as_array().unwrap() {
        let (path, words) = line.as_str().unwrap().split_once(": ").unwrap();
        let is_it =
            |(at, message): &(String, String)| at == path && message.contains(&plain(words));
        match said.iter().position(is_it) {
            Some(found) => drop(said.remove(found)),
            None => return Some(format!("does not say {line} among {whole}")),
        }
    }
    (!said.is_empty()).then(|| format!("says {said:?} too"))
}

#[test]
fn as_the_definitions() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for (name, expected) in &expected {
        let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
        let options = ReadOptions { namespace: "default".into(), keep_spec: true };
        let reading = read(vec![Source { name: name.clone(), text }], &options);
        let [record] = reading.records.as_slice() else { panic!("{name}: not one object") };
        let mut expect = |difference: Option<String>| {
            wrong.extend(difference.map(|what| format!("{name}: {what}")));
        };
        let accepted = expected["accepted"].as_bool();
        expect((record.accepted != accepted).then(|| format!("accepted {:?}", record.accepted)));
        let counts = Some(record.object.is_some());
        expect((counts != expected["counts"].as_bool()).then(|| format!("counts {counts:?}")));
        expect(differs(record, Severity::Error, &expected["errors"]));
        expect(differs(record, Severity::Warning, &expected["warnings"]));
        if let Some(spec) = expected.get("spec") {
            let own = record.spec.as_ref();
            expect((own != Some(spec)).then(|| format!("spec {own:?}")));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    let files = std::fs::read_dir(folder()).unwrap().flatten();
    let yaml = files.filter(|file| file.path().extension().is_some_and(|end| end == "yaml"));
    assert_eq!(yaml.count(), expected.len(), "every document has an expectation");
}
