//! Fuzzing of what reads bytes: with the cases for seeds, for as long as one likes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ci::run;
use crate::tools;

/// The targets, one a file in `fuzz/fuzz_targets`.
const TARGETS: [&str; 5] = ["read", "whole", "admin", "config", "rule"];

/// Runs a target, or each in turn, for so many seconds.
pub(crate) fn fuzz(root: &Path, only: Option<&str>, seconds: u32) -> Result<(), String> {
    let bin = tools::tool("cargo-fuzz", CARGO_FUZZ)?;
    let targets: Vec<&str> =
        TARGETS.into_iter().filter(|target| only.is_none_or(|only| only == *target)).collect();
    if targets.is_empty() {
        return Err(format!("no target `{}`: {}", only.unwrap_or(""), TARGETS.join(", ")));
    }
    for target in targets {
        let corpus = root.join("fuzz/corpus").join(target);
        let seeds =
            seed(root, &corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        println!("fuzzing {target} for {seconds} s from {seeds} seeds");
        // Without a sanitizer, stable will do: no unsafe code is under test.
        run(Command::new(&bin)
            .args(["fuzz", "run", "--sanitizer", "none", target])
            .arg(&corpus)
            .args(["--", &format!("-max_total_time={seconds}"), "-max_len=6000"])
            .args(["-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=0"])
            .current_dir(root))?;
    }
    Ok(())
}

/// Copies every case into a corpus.
fn seed(root: &Path, corpus: &Path) -> std::io::Result<u32> {
    std::fs::create_dir_all(corpus)?;
    let mut folders: Vec<PathBuf> = [
        "tests/api-server",
        "tests/admin-v1alpha1",
        "tests/broken",
        "tests/cases",
        "tests/rules-documents",
        "examples",
    ]
    .map(|f| root.join(f))
    .into();
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "json" || end == "toml")
                && path.metadata()?.len() < 6_000
            {
                std::fs::copy(&path, corpus.join(format!("seed-{count}")))?;
                count += 1;
            }
        }
    }
    Ok(count)
}

const CARGO_FUZZ: &str = "0.13.2";
