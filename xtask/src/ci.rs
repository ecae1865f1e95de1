//! What CI runs, on a laptop as well: each step by name, with its time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::{codegen, tools, wasm};

type Step = fn(&Path) -> Result<(), String>;

/// The steps in order, quick ones first.
const STEPS: [(&str, Step); 8] = [
    ("codegen", |root| codegen::run(root, true)),
    ("fmt", |root| cargo(root, &["fmt", "--all", "--check"])),
    ("clippy", |root| {
        cargo(root, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
    }),
    ("test", |root| cargo(root, &["test", "--profile", "tested", "--workspace"])),
    ("features", |root| {
        cargo(root, &["check", "--quiet", "-p", "policy-core", "--features", "schema"])
    }),
    ("doc", |root| {
        let mut command = command(root, &["doc", "--workspace", "--no-deps", "--quiet"]);
        run(command.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("wasm", wasm::check),
    ("deny", tools::deny),
];

/// Runs every step, or the one that is named.
pub(crate) fn run_steps(root: &Path, only: Option<&str>) -> Result<(), String> {
    if let Some(name) = only
        && !STEPS.iter().any(|(own, _)| *own == name)
    {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no step `{name}`: {}", names.join(", ")));
    }
    for (name, step) in STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("==> {name}");
        let start = Instant::now();
        step(root)
            .map_err(|error| format!("{name}: {error}\nalone: cargo xtask ci --only {name}"))?;
        println!("<== {name} in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// A call of the cargo that runs this.
pub(crate) fn command(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root);
    command
}

pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    run(&mut command(root, arguments))
}

/// Runs a command, whose output goes on.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
