//! Lines of a text with marks, as a compiler shows them.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet as Lines};

use crate::Style;

/// How bad what is shown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Error,
    Warning,
    Info,
}

/// What to show.
pub(crate) struct Snippet<'a> {
    pub(crate) tone: Tone,
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    /// The name of the text, and the text.
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    /// The bytes that are meant, and what to say of them.
    pub(crate) span: Range<usize>,
    pub(crate) label: &'a str,
    /// Others in the same text.
    pub(crate) others: Vec<(Range<usize>, &'a str)>,
    pub(crate) help: Option<&'a str>,
    pub(crate) notes: &'a [String],
}

/// How far from the first mark another is shown with it, in bytes and in lines.
const NEAR_BYTES: usize = 2_000;
const NEAR_LINES: usize = 20;

/// Whether two places of a text are shown together.
pub(crate) fn are_near(text: &str, one: usize, other: usize) -> bool {
    let (start, end) = (one.min(other), one.max(other));
    let between = text.get(start..end).unwrap_or("");
    between.len() <= NEAR_BYTES && between.matches('\n').count() <= NEAR_LINES
}

/// A span without what follows its first line.
pub(crate) fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let until = text.get(span.clone()).and_then(|own| own.find(['\n', '\r']));
    span.start..until.map_or(span.end, |line| span.start + line)
}

/// Only the first line of each place, and only the text around them: files may be huge.
pub(crate) fn render(snippet: &Snippet<'_>, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let text = snippet.text;
    let span = first_line(text, snippet.span.clone());
    let others: Vec<(Range<usize>, &str)> = snippet
        .others
        .iter()
        .filter(|(other, _)| are_near(text, span.start, other.start))
        .map(|(other, label)| (first_line(text, other.clone()), *label))
        .collect();
    let boundary = |mut at: usize| {
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
        at.min(text.len())
    };
    let starts = others.iter().map(|(other, _)| other.start);
    let first = starts.min().unwrap_or(span.start).min(span.start);
    let ends = others.iter().map(|(other, _)| other.end);
    let last = ends.max().unwrap_or(span.end).max(span.end);
    let before = text.get(..first).unwrap_or("");
    let window_start = before.rmatch_indices('\n').nth(2).map_or(0, |(at, _)| at + 1);
    let window_start = boundary(window_start.max(first.saturating_sub(2_000)));
    let after = text.get(last..).unwrap_or("");
    let window_end = after.match_indices('\n').nth(1).map_or(text.len(), |(at, _)| last + at);
    let window_end = boundary(window_end.min(last + 2_000));
    let first_number = text.get(..window_start).unwrap_or("").matches('\n').count() + 1;
    let window = text.get(window_start..window_end).unwrap_or("");
    let within = |span: &Range<usize>| {
        span.start.saturating_sub(window_start)..span.end.saturating_sub(window_start)
    };
    let mut lines = Lines::source(window)
        .line_start(first_number)
        .annotation(AnnotationKind::Primary.span(within(&span)).label(snippet.label));
    for (other, label) in &others {
        lines = lines.annotation(AnnotationKind::Context.span(within(other)).label(*label));
    }
    let level = match snippet.tone {
        Tone::Error => Level::ERROR,
        Tone::Warning => Level::WARNING,
        Tone::Info => Level::INFO,
    };
    let title = level.primary_title(snippet.title).id(snippet.id);
    // Where a line is cut, its columns are not those of the text that is shown.
    let is_cut = !text.get(..window_start).unwrap_or("").ends_with('\n') && window_start > 0;
    let mut group = if is_cut {
        let start = text.get(..span.start).unwrap_or("");
        let line_start = start.rfind('\n').map_or(0, |at| at + 1);
        let column = start.get(line_start..).unwrap_or("").chars().count() + 1;
        let line = start.matches('\n').count() + 1;
        let origin = Origin::path(snippet.name).line(line).char_column(column);
        title.element(origin).element(lines)
    } else {
        title.element(lines.path(snippet.name))
    };
    if let Some(help) = snippet.help {
        group = group.element(Level::HELP.message(help));
    }
    for note in snippet.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let groups: &[Group<'_>] = &[group];
    format!("{}\n", renderer.render(groups))
}
