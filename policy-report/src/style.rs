//! Colour, which only underlines what the words already say.

/// Whether to write colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// ANSI colours.
    Colour,
}

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good, or open.
    Allow,
    /// Closed.
    Deny,
    /// Open to readings.
    Depends,
    /// Beside the point.
    Dim,
    /// To the point.
    Strong,
}

impl Style {
    /// A word in its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Allow => "32",
            Tone::Deny => "31",
            Tone::Depends => "33",
            Tone::Dim => "2",
            Tone::Strong => "1",
        };
        match self {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
