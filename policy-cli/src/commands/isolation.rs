//! `netverdict isolation`: who is isolated, by what, and how far each one reaches.

use policy_core::query::isolation;
use policy_core::wire;
use policy_report::{isolation_csv, isolation_markdown, isolation_text};

use crate::Exit;
use crate::args::{Format, IsolationArguments};
use crate::input;
use crate::output::{Failure, print, style};

pub(crate) fn run(arguments: &IsolationArguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    let mut input = input::read(common, false)?;
    input.note(common)?;
    let policy = input.compile(common, &arguments.reading);
    drop(input);
    let only = &arguments.only_namespace;
    for name in only {
        if policy.cluster().find_namespace(name).is_none() {
            return Err(Failure::Said(format!("namespace `{name}` was not read")));
        }
    }
    let shown = |name: &str| only.is_empty() || only.iter().any(|own| own == name);
    let found = isolation(&policy);
    let cluster = policy.cluster();
    let text = match arguments.output {
        Format::Text => {
            let style = style(common.color, &std::io::stdout());
            isolation_text(&found, cluster, &shown, arguments.lines, style)
        }
        Format::Json => {
            let document = wire::isolation(&found, cluster, shown);
            format!("{}\n", serde_json::to_string(&document)?)
        }
        Format::Csv => isolation_csv(&found, cluster, &shown),
        Format::Markdown => isolation_markdown(&found, cluster, &shown),
    };
    print(&text)?;
    Ok(Exit::Done)
}
