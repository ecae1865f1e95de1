//! A mistake in a file of settings, with the line that it is in.

use std::ops::Range;

use crate::Style;
use crate::snippet::{Snippet, Tone, render};

/// A mistake as a compiler shows one.
pub fn mistake(
    name: &str,
    text: &str,
    span: Range<usize>,
    message: &str,
    help: Option<&str>,
    style: Style,
) -> String {
    let snippet = Snippet {
        tone: Tone::Error,
        id: "configuration",
        title: message,
        name,
        text,
        span,
        label: "",
        others: Vec::new(),
        help,
        notes: &[],
    };
    render(&snippet, style)
}
