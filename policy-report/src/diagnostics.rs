//! A diagnostic with the lines that it speaks of.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use policy_core::manifest::{Diagnostic, Locator, Severity};

use crate::Style;

/// A diagnostic as a compiler shows one: the lines, what is wrong, what to do about it.
pub fn diagnostic(one: &Diagnostic, places: &mut Locator<'_>, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let Some(source) = places.source(one.place) else { return String::new() };
    let mut span = one.span.start as usize..one.span.end as usize;
    if one.span == Default::default()
        && let Some(found) = places.locate(one.place, &one.path)
    {
        span = found.span.start as usize..found.span.end as usize;
    }
    // Only the first line of what is wrong, and only the text around it: files may be huge.
    let text = source.text.as_str();
    let until = text.get(span.start..span.end).and_then(|own| own.find('\n'));
    if let Some(line) = until {
        span.end = span.start + line;
    }
    let boundary = |mut at: usize| {
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
        at.min(text.len())
    };
    let start = text.get(..span.start).unwrap_or("");
    let window_start = start.rmatch_indices('\n').nth(2).map_or(0, |(at, _)| at + 1);
    let window_start = boundary(window_start.max(span.start.saturating_sub(2_000)));
    let after = text.get(span.end..).unwrap_or("");
    let window_end = after.match_indices('\n').nth(1).map_or(text.len(), |(at, _)| span.end + at);
    let window_end = boundary(window_end.min(span.end + 2_000));
    let first_line = text.get(..window_start).unwrap_or("").matches('\n').count() + 1;
    let window = text.get(window_start..window_end).unwrap_or("");
    let within = span.start.saturating_sub(window_start)..span.end.saturating_sub(window_start);
    let path = one.path.to_string();
    let level = match one.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let snippet = Snippet::source(window)
        .line_start(first_line)
        .annotation(AnnotationKind::Primary.span(within).label(path.as_str()));
    let title = level.primary_title(one.message.as_str()).id(one.id);
    // Where a line is cut, its columns are not those of the text that is shown.
    let is_cut = !start.get(..window_start).unwrap_or("").ends_with('\n') && window_start > 0;
    let mut group = if is_cut {
        let line_start = start.rfind('\n').map_or(0, |at| at + 1);
        let column = start.get(line_start..).unwrap_or("").chars().count() + 1;
        let line = start.matches('\n').count() + 1;
        let origin = Origin::path(source.name.as_str()).line(line).char_column(column);
        title.element(origin).element(snippet)
    } else {
        title.element(snippet.path(source.name.as_str()))
    };
    if let Some(help) = &one.help {
        group = group.element(Level::HELP.message(help.as_str()));
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
    for note in &related {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let groups: &[Group<'_>] = &[group];
    format!("{}\n", renderer.render(groups))
}
