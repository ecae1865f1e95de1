//! What is wrong with a rule, as findings: that it does not hold, that it speaks of nobody.

use super::RuleEntry;
use super::finding::{Finding, FindingSeverity, Source, of_rule};
use crate::compile::CompiledPolicy;
use crate::manifest::document::{ObjectKey, Place, Promise};
use crate::manifest::{FieldPath, Related, Span};
use crate::query::{Detail, EndWhy, Matched, Verdict, Why, flow};
use crate::rulebook::Action;
use crate::rules::{Bench, Judgement, Violation, Witness};
use crate::say;

/// How many findings a judgement makes.
pub(super) fn count(judged: &Judgement) -> usize {
    usize::from(!judged.holds()) + judged.empty.len() + judged.in_several.len()
}

/// The findings of a judgement; with the world before, what the witness was there.
pub(super) fn findings(
    bench: &Bench<'_>,
    policy: &CompiledPolicy,
    entry: &RuleEntry,
    judged: &Judgement,
    before: Option<&CompiledPolicy>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let at = |severity, path: FieldPath, message: String| Finding {
        id: entry.key.name.clone(),
        source: Source::IsolationRule,
        severity,
        message,
        object: Some(format!("{} {}", entry.key.kind, entry.key.name)),
        place: entry.place,
        path,
        span: Span::default(),
        label: String::new(),
        notes: Vec::new(),
        help: None,
        related: Vec::new(),
        violation: None,
        policies: Vec::new(),
        assumptions: Vec::new(),
    };
    for path in &judged.empty {
        let mut own = at(FindingSeverity::Warning, path.clone(), say::rule_speaks_of_nobody());
        own.help = Some("spec.allowEmpty: true, if that is as it should be".to_owned());
        found.push(own);
    }
    let severity = of_rule(entry.rule.severity);
    for (namespace, groups) in &judged.in_several {
        let path = FieldPath::root().key("spec").key("separate");
        found.push(at(severity, path, say::namespace_in_several(namespace, groups)));
    }
    if let Some(violation) = bench.violation(judged) {
        let path = FieldPath::root().key("spec").key(promise(&entry.rule.promise));
        let message = say::rule_broken(&entry.rule.promise, &violation, before.is_some());
        let mut own = at(severity, path.clone(), message);
        if let Some(witness) = &violation.witness {
            explain(&mut own, policy, witness, before);
        }
        if own.place != entry.place {
            let why = match entry.rule.message.as_str() {
                "" => "the rule".to_owned(),
                why => format!("the rule: {why}"),
            };
            own.related.push(Related {
                message: why,
                place: entry.place,
                path,
                span: Span::default(),
            });
        } else if !entry.rule.message.is_empty() {
            own.notes.push(entry.rule.message.clone());
        }
        own.notes.extend(more(&violation));
        own.violation = Some(Box::new(violation));
        found.push(own);
    }
    found
}

fn promise(promise: &Promise) -> &'static str {
    match promise {
        Promise::Forbid { .. } => "forbid",
        Promise::Require { .. } => "require",
        Promise::Isolated { .. } => "isolated",
        Promise::Separate { .. } => "separate",
    }
}

/// What else there is to know of a violation that has no witness.
fn more(violation: &Violation) -> Vec<String> {
    violation.open.iter().map(|(direction, pods)| say::open_pods(*direction, pods)).collect()
}

/// Points at the rule of a policy that decides the witness, and says what the witness is.
fn explain(
    finding: &mut Finding,
    policy: &CompiledPolicy,
    witness: &Witness,
    before: Option<&CompiledPolicy>,
) {
    let was = before.map(|before| {
        let answer = flow(before, &witness.question, Detail::Verdict);
        answer.ok().map(|answer| answer.verdict)
    });
    finding.notes.push(say::witness(witness, was));
    finding.assumptions = witness.answer.assumptions.clone();
    let whys = witness.answer.parts.iter().filter_map(|part| part.why.as_deref());
    let whys: Vec<&Why> = whys.collect();
    finding.policies = involved(&whys);
    let ends = || whys.iter().flat_map(|why| [&why.ingress, &why.egress]);
    let blamed = match witness.answer.verdict {
        Verdict::Deny => ends().find_map(denies),
        Verdict::Allow | Verdict::Depends | Verdict::Mixed => ends().find_map(admits),
    };
    match blamed {
        Some((place, path, label)) => {
            let origin = policy.rulebook().iter().find(|(_, own)| own.place == place);
            finding.object =
                origin.map(|(_, own)| format!("{} {}", own.origin.kind, say::object(&own.origin)));
            finding.place = place;
            finding.path = path;
            finding.label = label;
        }
        None => finding.notes.extend(whys.iter().flat_map(|why| say::why_open(why, witness))),
    }
}

/// The policies with a rule that matches, else all that select an end.
fn involved(whys: &[&Why]) -> Vec<ObjectKey> {
    let all =
        || whys.iter().flat_map(|why| [&why.egress, &why.ingress]).flat_map(|end| &end.policies);
    let matches =
        |one: &&crate::query::PolicyWhy| one.rules.iter().any(|rule| rule.matched != Matched::No);
    let mut keys: Vec<ObjectKey> = all().filter(matches).map(|one| one.policy.clone()).collect();
    if keys.is_empty() {
        keys = all().map(|one| one.policy.clone()).collect();
    }
    keys.sort();
    keys.dedup();
    keys
}

type Blamed = (Place, FieldPath, String);

/// The rule that lets a flow through an end: its peer, where it names any.
fn admits(end: &EndWhy) -> Option<Blamed> {
    let rules = end.policies.iter().flat_map(|one| one.rules.iter().map(move |rule| (one, rule)));
    let mut admitting = rules.filter(|(_, rule)| rule.action == Action::Accept);
    let (policy, rule) = admitting.find(|(_, rule)| rule.matched != Matched::No)?;
    let peer = rule.peers.iter().find(|peer| peer.matched != Matched::No);
    let path = peer.map_or(&rule.path, |peer| &peer.path);
    Some((policy.place, path.clone(), "this lets it through".to_owned()))
}

/// What keeps a flow from an end.
fn denies(end: &EndWhy) -> Option<Blamed> {
    if end.verdict == Verdict::Allow {
        return None;
    }
    let rules = end.policies.iter().flat_map(|one| one.rules.iter().map(move |rule| (one, rule)));
    let mut denying = rules.filter(|(_, rule)| rule.action == Action::Deny);
    if let Some((policy, rule)) = denying.find(|(_, rule)| rule.matched != Matched::No) {
        return Some((policy.place, rule.path.clone(), "this denies it".to_owned()));
    }
    let policy = end.policies.first()?;
    let path = FieldPath::root().key("metadata").key("name");
    Some((policy.place, path, "this isolates, and no rule admits it".to_owned()))
}
