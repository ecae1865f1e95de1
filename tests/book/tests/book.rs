//! The book is whole: every clause has a case, every case asks something, every link leads there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/semantics")
}

#[test]
fn every_clause_has_a_case() {
    let cases = netverdict_book::book().unwrap();
    let with_case: BTreeSet<String> = cases.iter().flat_map(|case| case.clauses.clone()).collect();
    for number in 1..=29 {
        assert!(with_case.contains(&format!("C{number}")), "C{number} has no case");
    }
    assert_eq!(with_case.len(), 29);
}

#[test]
fn every_case_asks_something_and_has_a_name_of_its_own() {
    let cases = netverdict_book::all().unwrap();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    for case in &cases {
        assert!(!case.flows.is_empty() || case.findings.is_some(), "{}", case.name);
    }
    // Every section with a question is a case.
    let text: String = chapters().into_iter().map(|(_, text)| text).collect();
    let book = netverdict_book::book().unwrap();
    let asking = |block: &str| text.matches(block).count();
    let both = book.iter().filter(|case| case.findings.is_some() && !case.flows.is_empty()).count();
    assert_eq!(asking("```flows") + asking("```findings") - both, book.len());
}

#[test]
fn the_index_names_every_chapter_and_its_clauses() {
    let index = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for (name, text) in chapters() {
        assert!(index.contains(&format!("({name})")), "{name} is not in the index");
        let title = text.lines().next().unwrap().strip_prefix("# ").unwrap().to_owned();
        assert!(index.contains(&title), "the index does not name `{title}`");
    }
    for link in index.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let file = link.split('#').next().unwrap();
        assert!(file.starts_with("http") || folder().join(file).exists(), "{link} leads nowhere");
    }
}

fn chapters() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).unwrap().flatten();
    let mut chapters: Vec<(String, String)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| name.ends_with(".md") && name != "README.md")
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect();
    chapters.sort();
    chapters
}
