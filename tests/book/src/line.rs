//! The grammar of `flows`: a line a flow, `FROM -> TO  PROTOCOL/PORT  VERDICT  NOTES`.

/// How a case is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `@profile NAME`
    pub profile: Option<String>,
    /// `@pod-cidr CIDR`, repeated.
    pub pod_cidrs: Vec<String>,
    /// `@namespace NAME`
    pub namespace: Option<String>,
}

/// A flow and what must be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The line's number in its block, from 1.
    pub number: usize,
    /// The source, as the command line takes it.
    pub from: String,
    /// The destination.
    pub to: String,
    /// `TCP`, `UDP` or `SCTP`; none for all.
    pub protocol: Option<String>,
    /// A number or a name; none for all.
    pub port: Option<String>,
    /// `allow`, `deny`, `depends`, `mixed` or `error`.
    pub verdict: String,
    /// The clauses that must be named, all and no others; not checked if the line names none.
    pub clauses: Vec<String>,
    /// Policies that must be among the reasons.
    pub policies: Vec<String>,
    /// All that is allowed: `tcp/443, udp`.
    pub allowed: Option<String>,
    /// All that depends.
    pub depends: Option<String>,
}

/// Reads a block of flows.
///
/// # Errors
/// Says which line is no flow, and why.
pub fn parse(text: &str) -> Result<(Directives, Vec<Flow>), String> {
    let mut directives = Directives::default();
    let mut flows = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = at + 1;
        let wrong = |why: &str| format!("line {number}: {why}: {line}");
        if let Some(directive) = line.strip_prefix('@') {
            let (name, value) = directive.split_once(' ').ok_or_else(|| wrong("no value"))?;
            let value = value.trim().to_owned();
            match name {
                "profile" => directives.profile = Some(value),
                "pod-cidr" => directives.pod_cidrs.push(value),
                "namespace" => directives.namespace = Some(value),
                _ => return Err(wrong("unknown directive")),
            }
            continue;
        }
        let (from, rest) = line.split_once("->").ok_or_else(|| wrong("no arrow"))?;
        let mut rest = rest.to_owned();
        let mut traffic = [None, None];
        while let (Some(open), Some(close)) = (rest.find('['), rest.find(']')) {
            // An IPv6 address in brackets is followed by its port.
            if rest.get(close + 1..).is_some_and(|after| after.starts_with(':')) {
                break;
            }
            let inner = rest.get(open + 1..close).unwrap_or("").trim().to_owned();
            rest.replace_range(open..=close, "");
            let [allowed, depends] = &mut traffic;
            match inner.strip_prefix('?') {
                Some(inner) => *depends = Some(inner.trim().to_owned()),
                None => *allowed = Some(inner),
            }
        }
        let [allowed, depends] = traffic;
        let mut words = rest.split_whitespace();
        let to = words.next().ok_or_else(|| wrong("no destination"))?.to_owned();
        let on = words.next().ok_or_else(|| wrong("no port"))?;
        let verdict = words.next().ok_or_else(|| wrong("no verdict"))?.to_owned();
        if !["allow", "deny", "depends", "mixed", "error"].contains(&verdict.as_str()) {
            return Err(wrong("no such verdict"));
        }
        let (protocol, port) = match on.split_once('/') {
            Some((protocol, port)) => (protocol, port),
            None => (on, "*"),
        };
        let is_clause = |word: &&str| {
            word.strip_prefix('C')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let notes: Vec<&str> = words.collect();
        let owned = |word: &&str| (*word).to_owned();
        flows.push(Flow {
            number,
            from: from.trim().to_owned(),
            to,
            protocol: (protocol != "*").then(|| protocol.to_uppercase()),
            port: (port != "*").then(|| port.to_owned()),
            verdict,
            clauses: notes.iter().filter(|word| is_clause(word)).map(owned).collect(),
            policies: notes.iter().filter(|word| !is_clause(word)).map(owned).collect(),
            allowed,
            depends,
        });
    }
    Ok((directives, flows))
}
