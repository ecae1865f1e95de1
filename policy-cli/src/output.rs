//! Where answers go: standard output, buffered; colours and width by the terminal.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use policy_report::Style;

use crate::args::Color;

/// Why a command could not be done, in words for people.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something was wrong with the question or the manifests.
    Said(String),
    /// Reading or writing failed.
    Io(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Said(text) => f.write_str(text),
            Failure::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::Io(error.into())
    }
}

/// Whether whoever read our output has gone, which is no fault.
pub(crate) fn is_closed_pipe(failure: &Failure) -> bool {
    matches!(failure, Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// Standard output, buffered.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Writes a text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// The style of standard output, or of standard error.
pub(crate) fn style(color: Color, stream: &impl IsTerminal) -> Style {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => Style::Colour,
        Color::Never => Style::Plain,
        Color::Auto if stream.is_terminal() && !no_color => Style::Colour,
        Color::Auto => Style::Plain,
    }
}

/// How many columns there are: `COLUMNS`, else 100 where the output is no terminal.
pub(crate) fn columns() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    given.unwrap_or(100)
}
