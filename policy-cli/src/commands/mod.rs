//! One command a file.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod flow;
pub(crate) mod isolation;
pub(crate) mod matrix;
pub(crate) mod validate;

use clap::CommandFactory;

use crate::Exit;
use crate::args::{Arguments, Schema};
use crate::output::{Failure, print, stdout};

/// Writes completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut out = stdout();
    clap_complete::generate(shell, &mut Arguments::command(), "netverdict", &mut out);
    Ok(Exit::Done)
}

/// Writes a schema that is checked in.
pub(crate) fn schema(which: Schema) -> Result<Exit, Failure> {
    print(match which {
        Schema::Wire => include_str!("../../../policy-core/schema/v1alpha1.json"),
        Schema::Rule => include_str!("../../../policy-core/schema/isolationrule.schema.json"),
        Schema::Crd => {
            include_str!("../../../policy-core/schema/isolationrules.netverdict.dev.crd.yaml")
        }
    })?;
    Ok(Exit::Done)
}
