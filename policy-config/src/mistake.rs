//! What is wrong with the file, and where.

use std::fmt;
use std::ops::Range;

use policy_core::manifest::{LineIndex, Position};

/// A mistake in the file: `3:1: unknown key …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The bytes that are wrong.
    pub span: Range<usize>,
    /// Where they begin.
    pub start: Position,
}

impl Mistake {
    pub(crate) fn new(
        text: &str,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) -> Mistake {
        let offset = u32::try_from(span.start).unwrap_or(u32::MAX);
        let start = LineIndex::new(text).position(text, offset);
        Mistake { message, help, span, start }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.start.line, self.start.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, ": {help}"),
            None => Ok(()),
        }
    }
}
