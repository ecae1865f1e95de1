//! What is wrong with a document: one constructor for each problem that the reader can report.

use super::document::Place;
use super::{FieldPath, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The API server refuses the object.
    Error,
    /// It takes the object, and something in it counts for nothing or is read in a way to know.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A problem in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// A stable name of the problem: `unknown-field`.
    pub id: &'static str,
    /// What is wrong.
    pub message: String,
    /// The object.
    pub place: Place,
    /// The field.
    pub path: FieldPath,
    /// Where the field, or what is wrong in it, stands.
    pub span: Span,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that matter.
    pub related: Vec<Related>,
}

/// Another place that matters for a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Why.
    pub message: String,
    /// The object there.
    pub place: Place,
    /// The field there.
    pub path: FieldPath,
    /// Where it stands.
    pub span: Span,
}

/// A problem before it is known where its field stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    pub(super) id: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

fn error(id: &'static str, message: impl Into<String>) -> Problem {
    Problem { severity: Severity::Error, id, message: message.into(), help: None }
}

fn warning(id: &'static str, message: impl Into<String>) -> Problem {
    Problem { severity: Severity::Warning, id, message: message.into(), help: None }
}

impl Problem {
    pub(super) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

// Reading.

pub(super) fn syntax(message: &str) -> Problem {
    error("syntax", message)
}

/// What a text that cannot be parsed looks like, if it is no manifest but something near one.
pub(super) fn help_with_syntax(problem: Problem, line: &str) -> Problem {
    let conflict = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];
    if line.contains("{{") {
        problem.help("this looks like a template: render it first (`helm template`, say)")
    } else if conflict.iter().any(|mark| line.starts_with(mark)) {
        problem.help("a merge conflict is left in the file")
    } else {
        problem
    }
}

pub(super) fn key_twice(key: &str) -> Problem {
    warning("key-twice", format!("the key `{key}` stands in this map again: the later one counts"))
}

pub(super) fn after_end() -> Problem {
    warning("after-end", "what follows the end of the document is not read")
        .help("separate documents with a line `---`")
}

pub(super) fn not_an_object(found: &str) -> Problem {
    error("not-an-object", format!("a document must be a map, not {found}"))
}

pub(super) fn kind_missing() -> Problem {
    error("kind-missing", "object `kind` is missing")
}

pub(super) fn api_version_missing(kind: &str, expected: &str) -> Problem {
    error("api-version-missing", format!("object `apiVersion` is missing for kind `{kind}`"))
        .help(format!("apiVersion: {expected}"))
}

pub(super) fn no_such_kind(kind: &str, version: &str, help: String) -> Problem {
    error("no-such-kind", format!("no matches for kind `{kind}` in version `{version}`")).help(help)
}

pub(super) fn items_not_list() -> Problem {
    error("items-not-list", "`items` of a list must be a list")
}

pub(super) fn too_deep(levels: usize) -> Problem {
    error("too-deep", format!("nested more than {levels} levels deep"))
}

pub(super) fn wrong_type(found: &str, expected: &str) -> Problem {
    error("wrong-type", format!("cannot unmarshal {found} into a field of type {expected}"))
}

pub(super) fn unknown_field(name: &str) -> Problem {
    warning(UNKNOWN_FIELD, format!("unknown field `{name}`"))
}

pub(super) fn and_more(count: usize) -> Problem {
    warning("and-more", format!("{count} more problems in this object are not listed"))
}

pub(super) fn replaced(kind: &str, name: &str) -> Problem {
    warning(
        "replaced",
        format!("{kind} `{name}` stands here and again later: the later one counts (C25)"),
    )
}

// Validation, in the API server's words.

pub(super) fn name_required() -> Problem {
    error("name-required", "required value: name or generateName is required")
}

pub(super) fn invalid(value: &str, why: &str) -> Problem {
    error("invalid-value", format!("invalid value: `{value}`: {why}"))
}

pub(super) fn required(what: &str) -> Problem {
    error("required-value", format!("required value: {what}"))
}

pub(super) fn forbidden(why: &str) -> Problem {
    error("forbidden", format!("forbidden: {why}"))
}

pub(super) fn unsupported(value: &str, supported: &[&str]) -> Problem {
    let list: Vec<String> = supported.iter().map(|value| format!("`{value}`")).collect();
    let list = list.join(", ");
    let problem = error(
        "unsupported-value",
        format!("unsupported value: `{value}`: supported values: {list}"),
    );
    match supported.iter().find(|one| one.eq_ignore_ascii_case(value)) {
        Some(meant) => problem.help(format!("write `{meant}`")),
        None => problem,
    }
}

// Validation of custom resources, in the words of their definitions.

/// What is wrong refuses nothing: the server takes it, and a rule fails closed.
pub(super) const CANNOT_EVALUATE: &str = "cannot-evaluate";
/// What is wrong refuses nothing: the server takes it, and the policy speaks of nobody known.
pub(super) const CANNOT_EVALUATE_SUBJECT: &str = "cannot-evaluate-subject";
/// What is wrong is refused, and yet the rest of the policy counts: a rule fails closed.
pub(super) const UNKNOWN_PEER: &str = "unknown-peer";
/// What is missing is required, and in answers it is `{}`.
pub(super) const SELECTOR_MISSING: &str = "selector-missing";

pub(super) fn required_value() -> Problem {
    error("required-value", "required value")
}

pub(super) fn selector_missing() -> Problem {
    error(SELECTOR_MISSING, "required value").help("write `{}` to select all of them")
}

pub(super) fn too_few_properties() -> Problem {
    error("invalid-value", "invalid value: should have at least 1 properties")
}

pub(super) fn unknown_peer() -> Problem {
    error(UNKNOWN_PEER, "invalid value: should have at least 1 properties")
        .help("a peer of a kind that is not known: the rule fails closed, Accept matches nothing, Deny and Pass deny everything")
}

pub(super) fn too_few_items(least: usize) -> Problem {
    error("invalid-value", format!("invalid value: should have at least {least} items"))
}

pub(super) fn too_many(count: usize, most: usize) -> Problem {
    let items = if most == 1 { "item" } else { "items" };
    error("invalid-value", format!("too many: {count}: must have at most {most} {items}"))
}

pub(super) fn too_long(value: &str, most: usize) -> Problem {
    error("invalid-value", format!("too long: `{value}`: may not be more than {most} bytes"))
}

pub(super) fn below(value: i64, least: u16) -> Problem {
    invalid(&value.to_string(), &format!("should be greater than or equal to {least}"))
}

pub(super) fn above(value: i64, most: u16) -> Problem {
    invalid(&value.to_string(), &format!("should be less than or equal to {most}"))
}

pub(super) fn duplicate(value: &str) -> Problem {
    error("duplicate-value", format!("duplicate value: `{value}`"))
}

pub(super) fn no_domain_name(value: &str) -> Problem {
    const PATTERN: &str = r"^(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$";
    invalid(value, &format!("should match '{PATTERN}'"))
}

pub(super) fn named_port_of_no_pod(kinds: &str) -> Problem {
    error(
        "invalid-value",
        format!(
            "invalid value: {kinds} peer cannot be set with namedPorts since there are no \
             namedPorts for {kinds}"
        ),
    )
}

pub(super) fn baseline_not_default(name: &str) -> Problem {
    invalid(
        name,
        "Only one baseline admin network policy with metadata.name=\"default\" can be created in \
         the cluster",
    )
}

pub(super) fn unevaluable(why: &str) -> Problem {
    error(CANNOT_EVALUATE, format!("{why}: the server takes it, and the rule fails closed"))
}

pub(super) fn subject_unevaluable() -> Problem {
    error(CANNOT_EVALUATE_SUBJECT, "the subject cannot be evaluated: the policy is left out")
}

pub(super) fn domain_names_accept_only() -> Problem {
    warning("domain-names", "domainNames is for rules that accept; here it is taken all the same")
}

pub(super) fn range_of_nothing() -> Problem {
    warning("empty-range", "the start is above the end: the range matches nothing")
}

pub(super) fn protocol_of_nothing() -> Problem {
    warning("unknown-protocol", "none of TCP, UDP and SCTP: it matches nothing (C17)")
}

// IsolationRules.

pub(super) fn cluster_scoped(kind: &str) -> Problem {
    forbidden(&format!("{kind} stands in no namespace"))
}

pub(super) fn exactly_one_of(count: usize, known: &[&str]) -> Problem {
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let list = list.join(", ");
    error("exactly-one", format!("invalid value: exactly one of {list} must be there, not {count}"))
}

pub(super) fn lone_pod_selector() -> Problem {
    required("`namespaceSelector`: a rule has no namespace of its own")
        .help("namespaceSelector: {} for all namespaces")
}

pub(super) fn empty_exception() -> Problem {
    required("at least one of `from`, `to` and `ports`")
}

/// An unknown field where one is no more than a warning elsewhere.
pub(super) fn unknown_field_refused(problem: Problem) -> Problem {
    if problem.id == UNKNOWN_FIELD {
        Problem { severity: Severity::Error, ..problem }
    } else {
        problem
    }
}

pub(super) const UNKNOWN_FIELD: &str = "unknown-field";

pub(super) fn legacy_cidr(value: &str, why: &str, canonical: &str) -> Problem {
    warning("legacy-cidr", format!("`{value}`: newer API servers refuse it: {why} (C21)"))
        .help(format!("write `{canonical}`"))
}

pub(super) fn ignored_address(value: &str) -> Problem {
    warning("ignored-address", format!("`{value}` is no address and is left out"))
}
