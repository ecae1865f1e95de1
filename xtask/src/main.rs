//! What CI and developers run.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command line")]

mod ci;
mod codegen;
mod fuzz;
mod mutants;
mod tools;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  ci [--only STEP]     what CI runs: codegen, fmt, clippy, test, features, doc, wasm, deny
  codegen [--check]    make the files that are made, or say which are not current
  bench [ARGUMENTS]    measure on generated clusters (see tests/bench)
  fuzz [TARGET [SECONDS]]
                       fuzz what reads bytes, each target for 960 s
  mutants [ARGUMENTS]  change the engine in one place at a time: which change do no tests notice?
                       (arguments go to cargo-mutants: --shard 3/10, --list)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = match words.as_slice() {
        ["ci"] => ci::run_steps(&root, None),
        ["ci", "--only", step] => ci::run_steps(&root, Some(step)),
        ["codegen"] => codegen::run(&root, false),
        ["codegen", "--check"] => codegen::run(&root, true),
        ["bench", rest @ ..] => {
            let fixed = ["run", "--release", "--quiet", "-p", "netverdict-bench", "--"];
            let all: Vec<&str> = fixed.into_iter().chain(rest.iter().copied()).collect();
            ci::cargo(&root, &all)
        }
        ["fuzz"] => fuzz::fuzz(&root, None, 960),
        ["fuzz", target] => fuzz::fuzz(&root, Some(target), 960),
        ["fuzz", target, seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::fuzz(&root, Some(target), seconds),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["mutants", rest @ ..] => mutants::mutants(&root, rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
