//! IsolationRule documents: our reader and the schema that is handed out judge them alike.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use policy_core::manifest::{Locator, ReadOptions, Source, read};
use policy_report::{Style, diagnostic};

#[test]
fn documents() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let schema = std::fs::read(root.join("policy-core/schema/isolationrule.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("tests/rules-documents"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 50, "{} documents", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let is_beyond = text.starts_with("# the schema cannot say it");
        let value: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
        let by_schema = schema.is_valid(&value);

        let options = ReadOptions { namespace: "default".into(), keep_spec: false };
        let reading = read(vec![Source { name: format!("{name}.yaml"), text }], &options);
        let [record] = reading.records.as_slice() else { panic!("{name}: one document") };
        let is_accepted = record.accepted == Some(true);
        assert_eq!(is_accepted, name.starts_with("accepted-"), "{name}: {:?}", record.diagnostics);
        assert_eq!(by_schema, is_accepted || is_beyond, "{name} by the schema");
        if is_accepted {
            assert_eq!(record.diagnostics, [], "{name}");
            continue;
        }
        let mut places = Locator::new(&reading.sources);
        let said: String = record
            .diagnostics
            .iter()
            .map(|one| diagnostic(one, &mut places, Style::Plain))
            .collect();
        insta::assert_snapshot!(name, said);
    }
}

/// What a cluster takes as the schema of a kind: structural, and within what its version allows.
#[test]
fn the_definition_is_structural() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../policy-core/schema/isolationrules.netverdict.dev.crd.yaml"
    ))
    .unwrap();
    let definition: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
    let version = &definition["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    assert_eq!(definition["spec"]["scope"], "Cluster");
    assert_eq!(definition["metadata"]["name"], "isolationrules.netverdict.dev");
    assert!(version.get("subresources").is_none());
    structural(schema, "", false);
    let rule = &schema["properties"]["spec"]["x-kubernetes-validations"][0]["rule"];
    assert!(rule.as_str().unwrap().contains("has(self.forbid)"));
}

/// A type for each value, no `additionalProperties` beside `properties`, and nothing of that within
/// `oneOf`, `anyOf` and `not`.
fn structural(schema: &serde_json::Value, at: &str, is_within: bool) {
    let map = schema.as_object().unwrap_or_else(|| panic!("{at}: a map"));
    if is_within {
        for key in map.keys() {
            assert!(["required", "not", "anyOf"].contains(&key.as_str()), "{at}: {key}");
        }
    } else {
        let is_typed = map.contains_key("type") || map.contains_key("x-kubernetes-int-or-string");
        assert!(is_typed, "{at}: no type");
        assert!(
            !(map.contains_key("properties") && map.contains_key("additionalProperties")),
            "{at}"
        );
        for key in ["$ref", "const", "dependentRequired", "if", "definitions"] {
            assert!(!map.contains_key(key), "{at}: {key}");
        }
    }
    for (name, below) in map.get("properties").and_then(|own| own.as_object()).into_iter().flatten()
    {
        structural(below, &format!("{at}.{name}"), false);
    }
    if let Some(items) = map.get("items") {
        structural(items, &format!("{at}[]"), false);
    }
    if let Some(values) = map.get("additionalProperties").filter(|values| values.is_object()) {
        structural(values, &format!("{at}{{}}"), false);
    }
    for key in ["oneOf", "anyOf"] {
        for below in map.get(key).and_then(|own| own.as_array()).into_iter().flatten() {
            structural(below, &format!("{at}:{key}"), true);
        }
    }
    if let Some(below) = map.get("not") {
        structural(below, &format!("{at}:not"), true);
    }
}
