//! A diagnostic with the lines that it speaks of.

use policy_core::manifest::{Diagnostic, Locator, Severity};

use crate::Style;
use crate::snippet::{Snippet, Tone, render};

/// A diagnostic as a compiler shows one: the lines, what is wrong, what to do about it.
pub fn diagnostic(one: &Diagnostic, places: &mut Locator<'_>, style: Style) -> String {
    let Some(source) = places.source(one.place) else { return String::new() };
    let mut span = one.span.start as usize..one.span.end as usize;
    if one.span == Default::default()
        && let Some(found) = places.locate(one.place, &one.path)
    {
        span = found.span.start as usize..found.span.end as usize;
    }
    let related: Vec<String> = one
        .related
        .iter()
        .map(|related| {
            let start = places.locate(related.place, &related.path).map(|found| found.start);
            let (line, column) = start.map_or((1, 1), |start| (start.line, start.column));
            format!("{}: {}:{line}:{column}", related.message, places.name(related.place))
        })
        .collect();
    let snippet = Snippet {
        tone: match one.severity {
            Severity::Error => Tone::Error,
            Severity::Warning => Tone::Warning,
        },
        id: one.id,
        title: &one.message,
        name: &source.name,
        text: &source.text,
        span,
        label: &one.path.to_string(),
        others: Vec::new(),
        help: one.help.as_deref(),
        notes: &related,
    };
    render(&snippet, style)
}
