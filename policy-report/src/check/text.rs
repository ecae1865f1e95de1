//! A report for people at a terminal.

use policy_core::check::{Finding, FindingSeverity, Report};
use policy_core::manifest::Locator;
use policy_core::say;

use super::place;
use crate::Style;
use crate::snippet::{Snippet, Tone, are_near, render};

/// How much of a report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckView {
    /// How many findings are shown; the others are counted.
    pub findings: usize,
    /// How many blocks of flows of each.
    pub blocks: usize,
}

/// How many names of a list in a block.
const NAMES: usize = 4;

/// The findings with their lines, the worst first, and what they come to.
pub fn check_text(
    report: &Report,
    places: &mut Locator<'_>,
    view: CheckView,
    style: Style,
) -> String {
    let mut out = String::new();
    for one in report.findings.iter().take(view.findings) {
        out.push_str(&finding(one, places, view, style));
        out.push('\n');
    }
    let more = report.findings.len().saturating_sub(view.findings);
    if more > 0 {
        out.push_str(&format!("… {more} more: -o json has all\n\n"));
    }
    out.push_str(&say::summary(report));
    out.push('\n');
    out
}

fn finding(one: &Finding, places: &mut Locator<'_>, view: CheckView, style: Style) -> String {
    let region = place::region(one, places);
    let source = places.source(one.place);
    let text = source.map_or("", |source| source.text.as_str());
    let mut notes = one.notes.clone();
    let mut others = Vec::new();
    for related in &one.related {
        let there = place::of(related.place, &related.path, related.span, places);
        let is_here = related.place.source == one.place.source && one.violation.is_some();
        if is_here && are_near(text, region.span.start, there.span.start) {
            others.push((there.span, related.message.as_str()));
        } else {
            let (line, column) = (there.start.line, there.start.column);
            notes.push(format!("{}: {}:{line}:{column}", related.message, there.name));
        }
    }
    notes.extend(blocks(one, view.blocks));
    notes.extend(one.assumptions.iter().map(|assumption| format!("assumed: {assumption}")));
    let snippet = Snippet {
        tone: match one.severity {
            FindingSeverity::Error => Tone::Error,
            FindingSeverity::Warning => Tone::Warning,
            FindingSeverity::Info => Tone::Info,
        },
        id: &one.id,
        title: &one.message,
        name: region.name,
        text,
        span: region.span,
        label: &one.label,
        others,
        help: one.help.as_deref(),
        notes: &notes,
    };
    render(&snippet, style)
}

/// Every flow that breaks a rule, where the title does not say it already.
fn blocks(one: &Finding, most: usize) -> Option<String> {
    let violation = one.violation.as_deref()?;
    let is_said = match violation.blocks.as_slice() {
        [] => true,
        [only] => only.from.names.len() <= 2 && only.to.names.len() <= 2,
        _ => false,
    };
    if is_said {
        return None;
    }
    let mut lines = vec!["every flow of it:".to_owned()];
    let shown = violation.blocks.iter().take(most);
    lines.extend(shown.map(|block| format!("  {}", say::flow_block(block, NAMES))));
    let more = violation.blocks.len().saturating_sub(most);
    if more > 0 {
        lines.push(format!("  … {more} more: -o json has all"));
    }
    Some(lines.join("\n"))
}
