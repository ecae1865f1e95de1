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
        object: Some(format!("{} {}", entry.key.kind, entry.key.name)),
        path,
        ..Finding::new(
            entry.key.name.clone(),
            Source::IsolationRule,
            severity,
            message,
            entry.place,
        )
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
            let mut explained = Explained { policy, before, finding: &mut own, blamed: Vec::new() };
            explained.first(witness);
            for example in bench.examples(judged, EXAMPLES_ASKED) {
                explained.another(&example);
            }
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

/// How many flows beside the witness are looked at, and how many are shown: those that another rule
/// of a policy decides.
const EXAMPLES_ASKED: usize = 24;
const EXAMPLES_SHOWN: usize = 3;

/// A finding on the way to say which rules of policies decide what is wrong.
struct Explained<'e> {
    policy: &'e CompiledPolicy,
    before: Option<&'e CompiledPolicy>,
    finding: &'e mut Finding,
    /// What was pointed at.
    blamed: Vec<(Place, FieldPath)>,
}

impl Explained<'_> {
    /// Points at the rule that decides the witness, and says what the witness is.
    fn first(&mut self, witness: &Witness) {
        self.finding.notes.push(say::witness(witness, self.was(witness)));
        self.finding.assumptions = witness.answer.assumptions.clone();
        let whys: Vec<&Why> = whys(witness).collect();
        self.finding.policies = involved(&whys);
        let Some(blamed) = blamed(witness) else {
            self.finding.notes.extend(whys.iter().flat_map(|why| say::why_open(why, witness)));
            return;
        };
        let origin = self.policy.rulebook().iter().find(|(_, own)| own.place == blamed.place);
        self.finding.object =
            origin.map(|(_, own)| format!("{} {}", own.origin.kind, say::object(&own.origin)));
        self.blamed.push((blamed.place, blamed.path.clone()));
        self.finding.place = blamed.place;
        self.finding.path = blamed.path;
        self.finding.label = blamed.label;
    }

    /// Points at what decides another flow, unless that was pointed at.
    fn another(&mut self, example: &Witness) {
        let Some(blamed) = blamed(example) else { return };
        let key = (blamed.place, blamed.path.clone());
        if self.blamed.is_empty()
            || self.blamed.len() > EXAMPLES_SHOWN
            || self.blamed.contains(&key)
        {
            return;
        }
        self.blamed.push(key);
        self.finding.notes.push(say::another_witness(example, self.was(example)));
        let whys: Vec<&Why> = whys(example).collect();
        self.finding.policies.extend(involved(&whys));
        self.finding.policies.sort();
        self.finding.policies.dedup();
        self.finding.related.push(Related {
            message: blamed.label,
            place: blamed.place,
            path: blamed.path,
            span: Span::default(),
        });
    }

    /// What a flow was before: nothing, if there was no world before or an end of it.
    fn was(&self, witness: &Witness) -> Option<Option<Verdict>> {
        let before = self.before?;
        let answer = flow(before, &witness.question, Detail::Verdict);
        Some(answer.ok().map(|answer| answer.verdict))
    }
}

fn whys(witness: &Witness) -> impl Iterator<Item = &Why> {
    witness.answer.parts.iter().filter_map(|part| part.why.as_deref())
}

/// What decides a flow, and what to say of it.
struct Blamed {
    place: Place,
    path: FieldPath,
    label: String,
}

/// The rule of a policy that lets a flow through, or what keeps it away.
fn blamed(witness: &Witness) -> Option<Blamed> {
    let [from, to] = &witness.names;
    // Whoever stands at the other end is let through.
    let mut ends = whys(witness).flat_map(|why| [(&why.ingress, from), (&why.egress, to)]);
    match witness.answer.verdict {
        Verdict::Deny => ends.find_map(|(end, _)| denies(end)),
        Verdict::Allow | Verdict::Depends | Verdict::Mixed => {
            ends.find_map(|(end, other)| admits(end, other))
        }
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

/// The rule that lets a flow through an end: its peer, where it names any.
fn admits(end: &EndWhy, other: &str) -> Option<Blamed> {
    let rules = end.policies.iter().flat_map(|one| one.rules.iter().map(move |rule| (one, rule)));
    let mut admitting = rules.filter(|(_, rule)| rule.action == Action::Accept);
    let (policy, rule) = admitting.find(|(_, rule)| rule.matched != Matched::No)?;
    let peer = rule.peers.iter().find(|peer| peer.matched != Matched::No);
    let reasons = peer.map_or(&[][..], |peer| &peer.reasons);
    Some(Blamed {
        place: policy.place,
        path: peer.map_or(&rule.path, |peer| &peer.path).clone(),
        label: say::lets_through(other, rule.peers.is_empty(), reasons),
    })
}

/// What keeps a flow from an end.
fn denies(end: &EndWhy) -> Option<Blamed> {
    if end.verdict == Verdict::Allow {
        return None;
    }
    let rules = end.policies.iter().flat_map(|one| one.rules.iter().map(move |rule| (one, rule)));
    let mut denying = rules.filter(|(_, rule)| rule.action == Action::Deny);
    if let Some((policy, rule)) = denying.find(|(_, rule)| rule.matched != Matched::No) {
        let label = "this denies it".to_owned();
        return Some(Blamed { place: policy.place, path: rule.path.clone(), label });
    }
    let policy = end.policies.first()?;
    let path = FieldPath::root().key("metadata").key("name");
    let label = "this isolates, and no rule admits it".to_owned();
    Some(Blamed { place: policy.place, path, label })
}
