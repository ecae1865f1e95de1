//! `netverdict validate`: what was read, accepted or refused.

use std::io::Write;

use policy_core::manifest::{Locator, Record};
use policy_core::wire;
use policy_report::{Tone, diagnostic};

use crate::Exit;
use crate::args::{TextOrJson, ValidateArguments};
use crate::input::{self, title};
use crate::output::{Failure, stdout, style};

pub(crate) fn run(arguments: &ValidateArguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    let input = input::read(common, arguments.output == TextOrJson::Json)?;
    let mut places = Locator::new(&input.reading.sources);
    let records = &input.reading.records;
    let mut out = stdout();
    match arguments.output {
        TextOrJson::Json => {
            for record in records {
                serde_json::to_writer(&mut out, &wire::record(record, &mut places))?;
                out.write_all(b"\n")?;
            }
        }
        TextOrJson::Text => {
            let style = style(common.color, &std::io::stdout());
            for record in records.iter().filter(|record| !record.diagnostics.is_empty()) {
                for one in &record.diagnostics {
                    write!(out, "{}", diagnostic(one, &mut places, style))?;
                }
                writeln!(out)?;
            }
            let count = |accepted: Option<bool>| {
                records.iter().filter(|record| record.accepted == accepted).count()
            };
            let (good, bad, unread) = (count(Some(true)), count(Some(false)), count(None));
            for record in records.iter().filter(|record| record.accepted != Some(true)) {
                let (tone, what) = match record.accepted {
                    Some(_) => (Tone::Deny, "refused "),
                    None => (Tone::Dim, "not read"),
                };
                let place = place(record, &mut places);
                writeln!(out, "{}  {}  {place}", style.paint(tone, what), title(record))?;
            }
            let warnings = records
                .iter()
                .filter(|one| one.accepted == Some(true) && !one.diagnostics.is_empty());
            let warned = warnings.count();
            writeln!(
                out,
                "{good} accepted ({warned} with warnings), {bad} refused, {unread} not read, in {} \
                 files",
                input.reading.sources.len()
            )?;
        }
    }
    out.flush()?;
    for (name, why) in &input.unreadable {
        eprintln!("netverdict: {name}: {why}");
    }
    if !input.unreadable.is_empty() {
        return Ok(Exit::Failed);
    }
    let refused = records.iter().any(|record| record.accepted == Some(false));
    Ok(if refused { Exit::No } else { Exit::Done })
}

fn place(record: &Record, places: &mut Locator<'_>) -> String {
    let name = places.name(record.place).to_owned();
    match places.locate(record.place, &Default::default()) {
        Some(found) => format!("{name}:{}:{}", found.start.line, found.start.column),
        None => name,
    }
}
