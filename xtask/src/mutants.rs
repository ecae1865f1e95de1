//! Mutants: the engine's files with one thing changed at a time, each of which a test must notice.

use std::path::Path;
use std::process::Command;

use crate::ci::run;
use crate::tools;

/// What must be watched over by tests: what decides answers.
const FILES: [&str; 8] =
    ["netset", "cluster", "rulebook.rs", "dialect", "compile", "query", "rules", "check"];

/// Runs every mutant of those files, or of those whose path holds a word, against the tests of the
/// core, the book and the oracle.
pub(crate) fn mutants(root: &Path, words: &[&str]) -> Result<(), String> {
    let bin = tools::tool("cargo-mutants", CARGO_MUTANTS)?;
    let files: Vec<String> = FILES
        .iter()
        .map(|file| match file.strip_suffix(".rs") {
            Some(_) => format!("policy-core/src/{file}"),
            None => format!("policy-core/src/{file}/**"),
        })
        .collect();
    let mut command = Command::new(bin);
    command.args(["mutants", "--package", "policy-core", "--no-shuffle", "--baseline=skip"]);
    command.args(["--timeout", "120", "--profile", "mutants"]);
    for tests in ["policy-core", "netverdict-book", "netverdict-oracle"] {
        command.args(["--test-package", tests]);
    }
    for file in &files {
        command.args(["--file", file]);
    }
    // The oracle looks at fewer worlds: each mutant costs a run of all of them.
    run(command.args(words).env("NETVERDICT_ORACLE_SHARE", "101").current_dir(root))
}

const CARGO_MUTANTS: &str = "27.1.0";
