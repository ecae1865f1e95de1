//! One command a file.

pub(crate) mod diff;
pub(crate) mod flow;
pub(crate) mod isolation;
pub(crate) mod matrix;
pub(crate) mod validate;

use clap::CommandFactory;

use crate::Exit;
use crate::args::Arguments;
use crate::output::{Failure, print, stdout};

/// Writes completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut out = stdout();
    clap_complete::generate(shell, &mut Arguments::command(), "netverdict", &mut out);
    Ok(Exit::Done)
}

/// Writes the JSON Schema that is checked in.
pub(crate) fn schema() -> Result<Exit, Failure> {
    print(include_str!("../../../policy-core/schema/v1alpha1.json"))?;
    Ok(Exit::Done)
}
