//! The grammar of `diff`: what must be said of two sides.

use super::Directives;

/// Two sets of manifests, and what must be said of what the second opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffCase {
    /// `semantics/diff.md: So is a label on a namespace`.
    pub name: String,
    /// The manifests of the first side, as one text.
    pub before: String,
    /// The manifests of the second.
    pub after: String,
    /// How both are to be read.
    pub directives: Directives,
    /// What must be said.
    pub lines: Vec<DiffLine>,
}

/// A line of a `diff` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffLine {
    /// Flows between two ends that turn.
    Turn {
        /// `opened`, `closed`, `toDepends` or `fromDepends`.
        turn: String,
        /// The source: a name or an address.
        from: String,
        /// The destination.
        to: String,
        /// All that turns so: `tcp/443, udp`.
        traffic: String,
        /// The names of all causes; not checked if there is none.
        causes: Vec<String>,
    },
    /// Two ends between which nothing turns.
    Same {
        /// The source.
        from: String,
        /// The destination.
        to: String,
    },
    /// An object that changed.
    Object {
        /// Its name.
        name: String,
        /// `flows`, `noFlow` or `sameMeaning`.
        effect: String,
    },
}

/// Reads a block of differences.
///
/// # Errors
/// Says which line is none, and why.
pub fn parse_diff(text: &str) -> Result<(Directives, Vec<DiffLine>), String> {
    let is_directive = |line: &&str| line.trim_start().starts_with('@');
    let directives: Vec<&str> = text.lines().filter(is_directive).collect();
    let (directives, _) = super::parse(&directives.join("\n"))?;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '@']) {
            continue;
        }
        let wrong = |why: &str| format!("line {}: {why}: {line}", at + 1);
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut next = |what: &str| words.next().ok_or_else(|| wrong(what));
        let verb = next("nothing")?;
        if verb == "object" {
            lines.push(DiffLine::Object { name: next("no name")?, effect: next("no effect")? });
            continue;
        }
        let from = next("no source")?;
        if next("no arrow")? != "->" {
            return Err(wrong("no arrow"));
        }
        let to = next("no destination")?;
        match verb.as_str() {
            "same" => lines.push(DiffLine::Same { from, to }),
            "opened" | "closed" | "toDepends" | "fromDepends" => {
                let mut traffic = next("no traffic")?;
                while traffic.ends_with(',') {
                    traffic = format!("{traffic} {}", next("no traffic after a comma")?);
                }
                let causes = words.collect();
                lines.push(DiffLine::Turn { turn: verb, from, to, traffic, causes });
            }
            _ => return Err(wrong("no such turn")),
        }
    }
    Ok((directives, lines))
}
