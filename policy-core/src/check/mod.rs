//! Everything that is wrong, in one list: what cannot be read, what a server refuses, rules that do
//! not hold. With a world before, only what is new since.

mod finding;
mod reading;
mod rule;

use std::collections::BTreeMap;

pub use finding::{Finding, FindingSeverity, Level, Levels, Source as FindingSource};

use crate::compile::CompiledPolicy;
use crate::manifest::Record;
use crate::manifest::document::{IsolationRule, Object, ObjectKey, Place};
use crate::rules::{Bench, Since};

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleEntry {
    /// The object.
    pub key: ObjectKey,
    /// Where it was read.
    pub place: Place,
    /// What must hold.
    pub rule: IsolationRule,
}

/// Takes the rules out of objects.
pub fn take_rules(objects: &mut Vec<Object>) -> Vec<RuleEntry> {
    use crate::manifest::document::Body;
    let mut rules = Vec::new();
    objects.retain(|object| match &object.body {
        Body::IsolationRule(rule) => {
            let (key, place) = (object.key.clone(), object.place);
            rules.push(RuleEntry { key, place, rule: rule.clone() });
            false
        }
        Body::Namespace(_)
        | Body::Node(_)
        | Body::Pod(_)
        | Body::Workload(_)
        | Body::Service(_)
        | Body::NetworkPolicy(_)
        | Body::AdminPolicy(_) => true,
    });
    rules.sort_by(|a, b| a.key.cmp(&b.key));
    rules
}

/// One world: what was read, the rules that must hold in it, and the rest compiled.
#[derive(Clone, Copy, Debug)]
pub struct World<'w> {
    /// What was read.
    pub records: &'w [Record],
    /// The rules.
    pub rules: &'w [RuleEntry],
    /// The rest.
    pub policy: &'w CompiledPolicy,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings; with a world before, those that are new. The worst first, then by place.
    pub findings: Vec<Finding>,
    /// Whether there was a world before, so that the findings are what is new.
    pub compared: bool,
    /// How many findings were there before, by severity.
    pub before: BTreeMap<FindingSeverity, u64>,
    /// How many rules were judged.
    pub rules: u64,
    /// How many of them hold.
    pub held: u64,
}

impl Report {
    /// Whether any finding is at least so bad.
    pub fn has(&self, least: FindingSeverity) -> bool {
        self.findings.iter().any(|finding| finding.severity <= least)
    }

    /// How many findings there are of a severity.
    pub fn count(&self, severity: FindingSeverity) -> u64 {
        self.findings.iter().filter(|finding| finding.severity == severity).count() as u64
    }
}

/// Checks a world; with one before, says what is new and counts the rest.
///
/// What is new is the difference of the two full checks: a problem of a document that was not there
/// before, and of a broken rule the flows that did not break it before.
pub fn check(now: World<'_>, before: Option<World<'_>>, levels: &Levels) -> Report {
    let mut report = Report { compared: before.is_some(), ..Report::default() };
    let mut all = reading::findings(now.records);
    let known = before.map(|before| reading::findings(before.records)).unwrap_or_default();
    let (new, old) = finding::without(all, &known);
    all = new;
    let mut there_before: Vec<FindingSeverity> = Vec::new();
    there_before.extend(old.iter().filter_map(|finding| levels.of(&finding.id, finding.severity)));

    let bench = Bench::new(now.policy);
    let bench_before = before.map(|before| (Bench::new(before.policy), before));
    let since = bench_before.as_ref().map(|(before, _)| Since::new(&bench, before));
    for entry in now.rules {
        let judged = bench.judge(&entry.rule);
        report.rules += 1;
        report.held += u64::from(judged.holds());
        let same = |other: &&RuleEntry| other.key == entry.key;
        let earlier =
            bench_before.as_ref().zip(since.as_ref()).and_then(|((bench, before), since)| {
                let own = before.rules.iter().find(same)?;
                Some((since, before, bench.judge(&own.rule)))
            });
        match earlier {
            None => all.extend(rule::findings(&bench, now.policy, entry, &judged, None)),
            Some((since, before, there)) => {
                let new = since.of(&judged, &there);
                let was_there = rule::count(&judged).saturating_sub(rule::count(&new));
                let severity = finding::of_rule(entry.rule.severity);
                if let Some(severity) = levels.of(&entry.key.name, severity) {
                    there_before.extend(std::iter::repeat_n(severity, was_there));
                }
                all.extend(rule::findings(&bench, now.policy, entry, &new, Some(before.policy)));
            }
        }
    }
    for severity in there_before {
        *report.before.entry(severity).or_default() += 1;
    }
    all.retain_mut(|finding| match levels.of(&finding.id, finding.severity) {
        Some(severity) => {
            finding.severity = severity;
            true
        }
        None => false,
    });
    all.sort_by(|a, b| {
        let key = |own: &Finding| (own.severity, own.place, own.span.start, own.path.clone());
        (key(a), &a.id, &a.message).cmp(&(key(b), &b.id, &b.message))
    });
    report.findings = all;
    report
}
