//! A finding: something that is wrong, whatever found it.

use std::collections::BTreeMap;

use crate::manifest::document::{ObjectKey, Place, RuleSeverity};
use crate::manifest::{FieldPath, Related, Severity, Span};
use crate::query::Assumption;
use crate::rules::Violation;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What found it: the name of a rule, or the stable name of a problem.
    pub id: String,
    /// What kind of thing found it.
    pub source: Source,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// What is wrong, in a line.
    pub message: String,
    /// The object that it is about, as far as it is known: `NetworkPolicy payments/deny-all`.
    pub object: Option<String>,
    /// Where that was read.
    pub place: Place,
    /// The field.
    pub path: FieldPath,
    /// Where the field stands; found by its path where it is empty.
    pub span: Span,
    /// What stands there, for who looks at the line: `this peer lets them in`.
    pub label: String,
    /// What there is to know beside it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that matter.
    pub related: Vec<Related>,
    /// Of a broken rule, the flows that break it.
    pub violation: Option<Box<Violation>>,
    /// The policies that are involved.
    pub policies: Vec<ObjectKey>,
    /// What was assumed of what the manifests do not say.
    pub assumptions: Vec<Assumption>,
}

impl Finding {
    /// A finding about a place, of which nothing more is known yet.
    pub fn new(
        id: String,
        source: Source,
        severity: FindingSeverity,
        message: String,
        place: Place,
    ) -> Finding {
        Finding {
            id,
            source,
            severity,
            message,
            object: None,
            place,
            path: FieldPath::root(),
            span: Span::default(),
            label: String::new(),
            notes: Vec::new(),
            help: None,
            related: Vec::new(),
            violation: None,
            policies: Vec::new(),
            assumptions: Vec::new(),
        }
    }
}

/// What kind of thing found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Reading and validation.
    Validation,
    /// An IsolationRule.
    IsolationRule,
}

impl Source {
    /// `validation` or `isolationRule`.
    pub fn name(self) -> &'static str {
        match self {
            Source::Validation => "validation",
            Source::IsolationRule => "isolationRule",
        }
    }
}

/// How bad a finding is; the worst is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingSeverity {
    /// `error`
    Error,
    /// `warning`
    Warning,
    /// `info`
    Info,
}

impl FindingSeverity {
    /// Every severity, the worst first.
    pub const ALL: [FindingSeverity; 3] =
        [FindingSeverity::Error, FindingSeverity::Warning, FindingSeverity::Info];

    /// `error`, `warning` or `info`.
    pub fn name(self) -> &'static str {
        match self {
            FindingSeverity::Error => "error",
            FindingSeverity::Warning => "warning",
            FindingSeverity::Info => "info",
        }
    }
}

/// What a team makes of the findings of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It is no finding.
    Off,
    /// It is one of this severity.
    At(FindingSeverity),
}

impl Level {
    /// `off`, `info`, `warning` or `error`.
    pub fn parse(name: &str) -> Option<Level> {
        if name == "off" {
            return Some(Level::Off);
        }
        FindingSeverity::ALL.into_iter().find(|own| own.name() == name).map(Level::At)
    }
}

/// The levels of a team, by id; an id without one keeps its severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels(pub BTreeMap<String, Level>);

impl Levels {
    /// The severity of an id, or none if it is off.
    pub fn of(&self, id: &str, own: FindingSeverity) -> Option<FindingSeverity> {
        match self.0.get(id) {
            None => Some(own),
            Some(Level::Off) => None,
            Some(Level::At(severity)) => Some(*severity),
        }
    }
}

pub(super) fn of_rule(severity: RuleSeverity) -> FindingSeverity {
    match severity {
        RuleSeverity::Error => FindingSeverity::Error,
        RuleSeverity::Warning => FindingSeverity::Warning,
        RuleSeverity::Info => FindingSeverity::Info,
    }
}

pub(super) fn of_diagnostic(severity: Severity) -> FindingSeverity {
    match severity {
        Severity::Error => FindingSeverity::Error,
        Severity::Warning => FindingSeverity::Warning,
    }
}

/// What makes a finding the same finding, wherever its lines have moved to.
pub(super) type Identity = (String, Option<String>, String, String);

fn identity(finding: &Finding) -> Identity {
    let path = finding.path.to_string();
    (finding.id.clone(), finding.object.clone(), path, finding.message.clone())
}

/// The findings that are not among some, each of which takes away one like it; and the others.
pub(super) fn without(all: Vec<Finding>, known: &[Finding]) -> (Vec<Finding>, Vec<Finding>) {
    let mut left: BTreeMap<Identity, usize> = BTreeMap::new();
    for finding in known {
        *left.entry(identity(finding)).or_default() += 1;
    }
    all.into_iter().partition(|finding| match left.get_mut(&identity(finding)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}
