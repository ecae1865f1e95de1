//! What CI and developers run.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command line")]

mod ci;
mod codegen;
mod tools;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  ci [--only STEP]     what CI runs: codegen, fmt, clippy, test, features, doc, wasm, deny
  codegen [--check]    make the files that are made, or say which are not current
  bench [ARGUMENTS]    measure on generated clusters (see tests/bench)";

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
