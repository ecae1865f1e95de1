//! Texts, and places in them.

/// A text that was given: a file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as given; `-` for standard input.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A range of bytes in a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// From a byte to before another.
    pub fn new(start: usize, end: usize) -> Span {
        let number = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: number(start), end: number(end) }
    }

    /// The text of the span.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A place as editors count: all from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in bytes of UTF-8.
    pub column: u32,
    /// The column, in units of UTF-16.
    pub column_utf16: u32,
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// The index of a text.
    pub fn new(text: &str) -> LineIndex {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = after.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
        LineIndex { starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The place of a byte of that text.
    pub fn position(&self, text: &str, offset: u32) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = Span { start, end: offset }.of(text);
        let utf16: usize = before.chars().map(char::len_utf16).sum();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Position {
            line: number(line),
            column: offset.saturating_sub(start) + 1,
            column_utf16: number(utf16) + 1,
        }
    }

    /// A line of that text, from 1, without its end.
    pub fn line<'t>(&self, text: &'t str, line: u32) -> &'t str {
        let at = (line as usize).saturating_sub(1);
        let Some(start) = self.starts.get(at).copied() else { return "" };
        let end = self.starts.get(at + 1).map_or(text.len(), |end| *end as usize);
        let whole = text.get(start as usize..end).unwrap_or("");
        whole.trim_end_matches(['\n', '\r'])
    }
}
