//! A report for a comment on a pull request, or the summary of a step.

use std::fmt::Write;

use policy_core::check::{Finding, FindingSeverity, Report};
use policy_core::manifest::Locator;
use policy_core::say;

use super::place;
use crate::table::markdown;

/// How many findings are shown: a comment may not be longer than 65,536 characters.
const FINDINGS: usize = 25;
/// How many blocks of flows of each, and how many names of a list in one.
const BLOCKS: usize = 20;
const NAMES: usize = 12;
/// The longest line of a file that is shown.
const LINE: usize = 200;

/// The findings, the worst first, each with its lines and, folded, every flow of it.
pub fn check_markdown(report: &Report, places: &mut Locator<'_>) -> String {
    let mut out = format!("### netverdict: {}\n", escape(&say::summary(report)));
    for one in report.findings.iter().take(FINDINGS) {
        finding(&mut out, one, places);
    }
    let more = report.findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        let _ = writeln!(out, "\n… {more} more: `netverdict check` has all");
    }
    out
}

fn finding(out: &mut String, one: &Finding, places: &mut Locator<'_>) {
    let region = place::region(one, places);
    let word = match one.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "hint",
    };
    let at = format!("{}:{}:{}", region.name, region.start.line, region.start.column);
    let _ = writeln!(out, "\n**{word}** {} · {}", code(&one.id), escape(&one.message));
    let _ = writeln!(out, "{}\n", code(&at));
    lines(out, one, &region, places);
    let has_list = !one.notes.is_empty()
        || !one.related.is_empty()
        || one.help.is_some()
        || !one.assumptions.is_empty();
    if has_list {
        out.push('\n');
    }
    for note in &one.notes {
        let _ = writeln!(out, "- {}", escape(note));
    }
    for related in &one.related {
        let there = place::of(related.place, &related.path, related.span, places);
        let at = code(&format!("{}:{}:{}", there.name, there.start.line, there.start.column));
        let _ = writeln!(out, "- {}: {at}", escape(&related.message));
    }
    if let Some(help) = &one.help {
        let _ = writeln!(out, "- help: {}", escape(help));
    }
    for assumption in &one.assumptions {
        let _ = writeln!(out, "- assumed: {}", escape(&assumption.to_string()));
    }
    let blocks = one.violation.as_deref().map_or(&[][..], |violation| &violation.blocks);
    if !blocks.is_empty() {
        let rows: Vec<Vec<String>> = blocks
            .iter()
            .take(BLOCKS)
            .map(|block| {
                let line = say::flow_block(block, NAMES);
                let (ends, ports) = line.rsplit_once("  ").unwrap_or((&line, ""));
                let (from, to) = ends.split_once(" → ").unwrap_or((ends, ""));
                [from, to, ports].map(escape).to_vec()
            })
            .collect();
        let more = blocks.len().saturating_sub(BLOCKS);
        let more = if more > 0 { format!(", {more} more") } else { String::new() };
        let _ = writeln!(
            out,
            "\n<details><summary>every flow of it ({}{more})</summary>\n\n{}\n</details>",
            rows.len(),
            markdown(&["from", "to", "what"], &rows)
        );
    }
}

/// The line that is meant, as it stands in the file.
fn lines(out: &mut String, one: &Finding, region: &place::Region<'_>, places: &mut Locator<'_>) {
    let Some(source) = places.source(one.place) else { return };
    let text = source.text.as_str();
    let start = text.get(..region.span.start).and_then(|before| before.rfind('\n'));
    let from = start.map_or(0, |at| at + 1);
    let line = text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or("");
    if line.trim().is_empty() {
        return;
    }
    let shown: String = line.chars().take(LINE).collect();
    // A fence longer than any that the line has.
    let longest = shown.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let _ = writeln!(out, "{fence}yaml\n{shown}\n{fence}");
}

/// Text that means itself; what stands in backticks is code.
fn escape(text: &str) -> String {
    let is_paired = text.matches('`').count().is_multiple_of(2);
    let parts: Vec<&str> = text.split('`').collect();
    let mut escaped = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            escaped.push_str(if is_paired { "`" } else { "\\`" });
        }
        let is_code = is_paired && at % 2 == 1;
        for letter in part.chars() {
            match letter {
                '\n' | '\r' => escaped.push(' '),
                letter if is_code => escaped.push(letter),
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                // Whoever has the name after it would be told of the comment.
                '@' => escaped.push_str("&#64;"),
                '\\' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => {
                    escaped.push('\\');
                    escaped.push(letter);
                }
                letter => escaped.push(letter),
            }
        }
    }
    escaped
}

/// Text as code, whatever backticks it has.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let room = if longest > 0 { " " } else { "" };
    format!("{fence}{room}{text}{room}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_itself() {
        assert_eq!(escape("a_b <x> @me `c_d`"), "a\\_b &lt;x&gt; &#64;me `c_d`");
        assert_eq!(escape("one ` only_\n"), "one \\` only\\_ ");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("a"), "`a`");
    }
}
