//! `netverdict diff`: what a change opens and closes.

use policy_core::manifest::Locator;
use policy_core::query::{Diff, Texts, changes, diff};
use policy_core::wire;
use policy_report::{RADII, diff_csv, diff_markdown, diff_text};

use crate::Exit;
use crate::args::{DiffArguments, FailOn, Format};
use crate::input::{self, Input};
use crate::output::{Failure, print, style};
use crate::revision;

pub(crate) fn run(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    let (mut base, mut head) = sides(arguments)?;
    base.note(common)?;
    head.note(common)?;
    let mut policy = base.compile(common, &arguments.reading);
    let objects = std::mem::take(&mut head.objects);
    let mut texts = Texts::new(&base.reading.sources, &head.reading.sources);
    let changes = changes(&policy, &mut texts, objects);
    let radii = match arguments.output {
        Format::Text | Format::Markdown => RADII,
        Format::Json => usize::MAX,
        Format::Csv => 0,
    };
    let found = diff(&mut policy, changes, radii);
    let found = match arguments.only_namespace.as_slice() {
        [] => found,
        only => found.within(only),
    };
    let mut places = Locator::new(&head.reading.sources);
    let text = match arguments.output {
        Format::Text => {
            let style = style(common.color, &std::io::stdout());
            diff_text(&found, &mut places, arguments.lines, style)
        }
        Format::Json => {
            format!("{}\n", serde_json::to_string(&wire::diff(&found, &mut places))?)
        }
        Format::Csv => diff_csv(&found),
        Format::Markdown => diff_markdown(&found),
    };
    print(&text)?;
    let is_hit = arguments.fail_on.iter().any(|what| hits(&found, *what));
    Ok(if is_hit { Exit::No } else { Exit::Done })
}

/// Both sides, read.
fn sides(arguments: &DiffArguments) -> Result<(Input, Input), Failure> {
    let common = &arguments.common;
    match &arguments.git {
        Some(reference) => {
            let files = revision::files(reference, &common.paths)?;
            let named = files.into_iter().map(|file| {
                // As git itself writes a file of a revision.
                (format!("{reference}:{}", file.path), file.bytes)
            });
            let base = input::read_files(named.collect(), common, false);
            let there: Vec<_> = common.paths.iter().filter(|path| path.exists()).cloned().collect();
            Ok((base, input::read_paths(&there, common, false)?))
        }
        None => {
            let base = input::read(common, false)?;
            Ok((base, input::read_paths(&arguments.to, common, false)?))
        }
    }
}

/// Whether a difference is one to fail on. What may be open now and was not counts as opened.
fn hits(found: &Diff, what: FailOn) -> bool {
    found.blocks.iter().any(|block| {
        // Verdicts stand in the order of how much they let through.
        let is_more = block.after > block.before;
        match what {
            FailOn::Opened => is_more,
            FailOn::Closed => !is_more,
            FailOn::Any => true,
        }
    })
}
