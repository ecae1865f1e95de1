//! A report as workflow commands, which become annotations of a pull request's files.

use policy_core::check::{Finding, FindingSeverity, Report};
use policy_core::manifest::Locator;
use policy_core::say;

use super::{Root, place};

/// A line of `::error file=…,line=…::…` for each finding, and what they come to.
pub fn check_github(report: &Report, places: &mut Locator<'_>, root: &Root) -> String {
    let mut out = String::new();
    for one in &report.findings {
        out.push_str(&command(one, places, root));
    }
    // At the start of a line, `::` would be a command of its own: the summary has none.
    out.push_str(&say::summary(report));
    out.push('\n');
    out
}

fn command(one: &Finding, places: &mut Locator<'_>, root: &Root) -> String {
    let region = place::region(one, places);
    let level = match one.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "notice",
    };
    let mut properties = Vec::new();
    // What came from standard input is in no file of the repository.
    if region.name != "-" {
        properties.push(format!("file={}", property(&root.path(region.name))));
        properties.push(format!("line={}", region.start.line));
        properties.push(format!("endLine={}", region.end.line));
        properties.push(format!("col={}", region.start.column_utf16));
        properties.push(format!("endColumn={}", region.end.column_utf16));
    }
    properties.push(format!("title={}", property(&one.id)));
    let mut message = one.message.clone();
    for note in &one.notes {
        message.push('\n');
        message.push_str(note);
    }
    for related in &one.related {
        let there = place::of(related.place, &related.path, related.span, places);
        let (name, line) = (root.path(there.name), there.start.line);
        message.push_str(&format!("\n{}: {name}:{line}", related.message));
    }
    if let Some(help) = &one.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    format!("::{level} {}::{}\n", properties.join(","), data(&message))
}

/// A message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_command() {
        assert_eq!(data("a%b\r\nc:d,e"), "a%25b%0D%0Ac:d,e");
        assert_eq!(property("a%b\nc:d,e::error x"), "a%25b%0Ac%3Ad%2Ce%3A%3Aerror x");
    }
}
