//! `netverdict`: which flows do these Kubernetes policies allow, and why.

#![allow(clippy::print_stderr, reason = "notes for people go to standard error")]

mod args;
mod commands;
mod config;
mod input;
mod output;
mod revision;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};

/// What an exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// 0: done; of a flow, allow.
    Done,
    /// 1: of a flow, deny; of `validate`, something is refused; of `diff`, what `--fail-on` names; of
    /// `check`, it fails.
    No,
    /// 2: it could not be done.
    Failed,
    /// 3: of a flow, depends.
    Depends,
    /// 4: of a flow, mixed.
    Mixed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Flow(own) => commands::flow::run(own),
        Command::Validate(own) => commands::validate::run(own),
        Command::Matrix(own) => commands::matrix::run(own),
        Command::Isolation(own) => commands::isolation::run(own),
        Command::Diff(own) => commands::diff::run(own),
        Command::Check(own) => commands::check::run(own),
        Command::Completions { shell } => commands::completions(*shell),
        Command::Schema { which } => commands::schema(*which),
    };
    let exit = result.unwrap_or_else(|error| {
        if !output::is_closed_pipe(&error) {
            eprintln!("netverdict: {error}");
        }
        Exit::Failed
    });
    ExitCode::from(match exit {
        Exit::Done => 0,
        Exit::No => 1,
        Exit::Failed => 2,
        Exit::Depends => 3,
        Exit::Mixed => 4,
    })
}
