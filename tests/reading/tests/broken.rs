//! Manifests that are broken in the ways in which manifests are: what is said of each, as a person
//! sees it, and what is still read of the rest.
//!
//! `cargo insta review` shows what changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use policy_core::manifest::{Locator, ReadOptions, Source, read};
use policy_report::{Style, diagnostic};

#[test]
fn every_broken_manifest() {
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::glob!("../../broken", "*.*", |path| {
            insta::assert_snapshot!(told(path));
        });
    });
}

fn told(path: &Path) -> String {
    use std::fmt::Write;
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let mut reading = read(vec![Source { name, text }], &options);
    let objects = reading.take_objects();
    let mut places = Locator::new(&reading.sources);
    let mut told = String::new();
    for record in &reading.records {
        let accepted = match record.accepted {
            Some(true) => "accepted",
            Some(false) => "refused",
            None => "not read",
        };
        let kind = record.kind.as_deref().unwrap_or("-");
        let name = record.name.as_deref().unwrap_or("-");
        writeln!(told, "{}: {kind} {name} {accepted}", record.place.document).unwrap();
        for one in &record.diagnostics {
            // No line is so wide that a snapshot cannot be read.
            for line in diagnostic(one, &mut places, Style::Plain).lines() {
                let line: String = line.chars().take(160).collect();
                writeln!(told, "    {}", line.trim_end()).unwrap();
            }
        }
    }
    writeln!(told, "{} objects count", objects.len()).unwrap();
    told
}
