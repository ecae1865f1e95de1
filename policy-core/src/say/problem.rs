//! What each problem of reading and validation is about, for lists of rules such as SARIF's.

/// A problem that the reader can report, whatever object has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemText {
    /// Its stable name.
    pub id: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// What follows from it, and what to do.
    pub help: &'static str,
}

const fn text(id: &'static str, title: &'static str, help: &'static str) -> ProblemText {
    ProblemText { id, title, help }
}

/// Every problem, by name.
pub const PROBLEMS: [ProblemText; 29] = [
    text(
        "after-end",
        "text after the end of a document",
        "It is not read: separate documents with a line `---`.",
    ),
    text(
        "and-more",
        "more problems than are listed",
        "Mend those that are listed, and check again.",
    ),
    text(
        "api-version-missing",
        "an object without `apiVersion`",
        "The API server refuses it: write the version that the message names.",
    ),
    text(
        "cannot-evaluate",
        "a selector that cannot be evaluated",
        "The server takes it and the rule fails closed: give `In` and `NotIn` their values.",
    ),
    text(
        "cannot-evaluate-subject",
        "a subject that cannot be evaluated",
        "The server takes the policy and it is left out: give `In` and `NotIn` their values.",
    ),
    text(
        "domain-names",
        "`domainNames` in a rule that does not accept",
        "The API text wants them in rules that accept; here they are taken all the same.",
    ),
    text(
        "duplicate-value",
        "a value that stands in a list twice",
        "The API server refuses it: remove one.",
    ),
    text(
        "empty-range",
        "a range of ports that matches nothing",
        "Its start is above its end: turn them round.",
    ),
    text(
        "exactly-one",
        "not exactly one of several fields",
        "Write one of the fields that the message names, and leave out the others.",
    ),
    text(
        "forbidden",
        "a field that may not stand there",
        "The API server refuses it: the message says why.",
    ),
    text(
        "ignored-address",
        "text where an address belongs",
        "It is left out: write an IP address.",
    ),
    text(
        "invalid-value",
        "a value that is not valid",
        "The API server refuses it: the message says what it wants.",
    ),
    text("items-not-list", "`items` that are no list", "Write a list of objects."),
    text(
        "key-twice",
        "a key that stands in a map twice",
        "The later one counts: remove the other.",
    ),
    text("kind-missing", "an object without `kind`", "The API server refuses it: write its kind."),
    text(
        "legacy-cidr",
        "a block of addresses in an old spelling",
        "Newer API servers refuse it: write it as the message shows.",
    ),
    text("name-required", "an object without a name", "Write `metadata.name`."),
    text(
        "no-such-kind",
        "a kind in a version that has none such",
        "Write `apiVersion` and `kind` as the message shows.",
    ),
    text(
        "not-an-object",
        "a document that is no object",
        "A document must be a map with `apiVersion`, `kind` and `metadata`.",
    ),
    text(
        "replaced",
        "an object that stands there twice",
        "The later one counts, as `kubectl apply` would leave it: remove one.",
    ),
    text("required-value", "a field that must be there", "Write it: the message says which."),
    text(
        "selector-missing",
        "a selector that is not there",
        "The API server refuses it, and here it is read as `{}`: write it.",
    ),
    text(
        "syntax",
        "text that is neither YAML nor JSON",
        "Nothing of the document is read, so its policies count for nothing here.",
    ),
    text("too-deep", "values nested too deep", "No field that is read stands so deep."),
    text(
        "unknown-field",
        "a field that the kind does not have",
        "It counts for nothing, and what it was meant to say is not said: mind spelling and indentation.",
    ),
    text(
        "unknown-peer",
        "a peer of a kind that is not known",
        "The rule fails closed: Accept matches nothing, Deny and Pass deny everything.",
    ),
    text(
        "unknown-protocol",
        "a protocol that is none of TCP, UDP and SCTP",
        "It matches nothing (C17).",
    ),
    text(
        "unsupported-value",
        "a word that the field does not know",
        "Write one of those that the message names, letter by letter.",
    ),
    text(
        "wrong-type",
        "a value of the wrong type",
        "The API server cannot decode the object: quote text that YAML reads as something else.",
    ),
];

/// The text of a problem; none for a name that is not one.
pub fn problem(id: &str) -> Option<ProblemText> {
    PROBLEMS.into_iter().find(|one| one.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_has_a_text() {
        let source = include_str!("../manifest/diagnostic.rs");
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        for start in ["error(", "warning("] {
            for (at, _) in source.match_indices(start) {
                let rest = source[at + start.len()..].trim_start();
                ids.extend(rest.strip_prefix('"').and_then(|rest| rest.split('"').next()));
            }
        }
        for line in
            source.lines().filter(|line| line.contains("const ") && line.contains(": &str = "))
        {
            let value = line.split('"').nth(1).unwrap();
            if !value.contains('^') {
                ids.insert(value);
            }
        }
        let known: BTreeSet<&str> = PROBLEMS.iter().map(|one| one.id).collect();
        assert_eq!(ids, known);
        assert!(PROBLEMS.is_sorted_by_key(|one| one.id));
    }
}
