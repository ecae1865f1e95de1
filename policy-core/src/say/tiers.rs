//! What is said of the tiers.

use super::object;
use crate::clause::Clause;
use crate::manifest::FieldPath;
use crate::manifest::document::ObjectKey;
use crate::netset::Direction;
use crate::query::{Beyond, Covers, DefaultDeny, EndWhy, Matched, Step, TierWhy, Verdict};
use crate::rulebook::{Action, Tier};

/// What a rule is called: `tenants, ingress[1] "no-other-tenant"`.
pub fn rule(policy: &ObjectKey, path: &FieldPath, name: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
    let path = path.to_string();
    format!("{}, {}{name}", object(policy), path.strip_prefix("spec.").unwrap_or(&path))
}

/// What a tier does with what was asked: `passes it on to the NetworkPolicies`.
pub fn tier_step(end: &EndWhy, one: &TierWhy) -> String {
    match &one.step {
        Step::ReachOpen(step) => {
            let step = tier_step(end, &TierWhy { tier: one.tier, step: (**step).clone() });
            format!("{step}, if it has a say: a NetworkPolicy selects the other direction (C16)")
        }
        step => does(end, one.tier, step),
    }
}

fn does(end: &EndWhy, tier: Tier, step: &Step) -> String {
    let text = match (step, tier) {
        (Step::Rule { action: Action::Accept, .. }, _) => "accepts it",
        (Step::Rule { action: Action::Deny, .. }, _) => "denies it",
        (Step::Rule { action: Action::Pass, .. }, Tier::Baseline) => {
            "passes it on, and nobody comes behind: it is allowed"
        }
        (Step::Rule { action: Action::Pass, .. }, _) => "passes it on to the NetworkPolicies",
        (Step::Nothing, Tier::Baseline) => "has no rule for it: it is allowed",
        (Step::Nothing, _) => "has no rule for it",
        (Step::Alternatives(_), _) => {
            "has several policies of equal rank for it: any of them may apply (C28)"
        }
        (Step::Partly, _) if end.verdict == Verdict::Depends => {
            "has rules for it, and it is open whether they match"
        }
        (Step::Partly, _) => "has rules for a part of it",
        (Step::Isolated(matched), _) => {
            let admits = match matched {
                Matched::Yes => "a rule admits it",
                Matched::No => "no rule admits it",
                Matched::Partly => "rules admit a part of it, or it is open whether they do",
            };
            return format!("isolated by {}: {admits}", isolating(end));
        }
        (Step::NotIsolated, _) => "nothing isolates it",
        (Step::Exempt(clause), _) => {
            return format!("has no say: it comes from the pod's own node ({clause})");
        }
        (Step::NotReached, _) => {
            "has no say: a NetworkPolicy selects the pod (C16), so it is allowed"
        }
        (Step::ReachOpen(_), _) => "may have no say (C16)",
        (Step::NotAsked, _) => "not asked",
    };
    text.to_owned()
}

/// `blue/web, blue/db`
fn isolating(end: &EndWhy) -> String {
    let own = end.policies.iter().filter(|one| one.tier == Tier::NetworkPolicy);
    let names: Vec<String> = own.map(|policy| object(&policy.policy)).collect();
    names.join(", ")
}

/// Why an end says what it says, where administrators' policies select it.
pub(super) fn reason(end: &EndWhy, subject: &str) -> String {
    let mut asked = end.tiers.iter().rev().filter(|one| one.step != Step::NotAsked);
    let Some(TierWhy { tier, step }) = asked.next() else { return String::new() };
    let before = end.tiers.iter().take_while(|one| one.tier < *tier);
    if end.verdict == Verdict::Depends
        && let Some(open) = before.clone().find(|one| one.step == Step::Partly)
    {
        return format!("it is open whether rules of the {} tier match it", open.tier.name());
    }
    let before = before.filter_map(|one| match &one.step {
        Step::Rule { policy, path, name, .. } => {
            Some(format!("passed on by {}; ", rule(policy, path, name)))
        }
        Step::Partly | Step::Alternatives(_) => {
            Some(format!("decided in part by the {} tier; ", one.tier.name()))
        }
        _ => None,
    });
    let before: String = before.collect();
    let own = match step {
        Step::Rule { action, policy, path, name } => {
            let rule = rule(policy, path, name);
            match action {
                Action::Accept => format!("accepted by {rule} ({} tier)", tier.name()),
                Action::Deny => format!("denied by {rule} ({} tier)", tier.name()),
                Action::Pass => format!("passed on by {rule}, behind which nobody decides"),
            }
        }
        Step::Nothing | Step::NotAsked => "no tier denies it".to_owned(),
        Step::Alternatives(_) => {
            format!(
                "policies of equal rank match, any of which may apply ({} tier, C28)",
                tier.name()
            )
        }
        Step::Partly if end.verdict == Verdict::Depends => {
            format!("it is open whether rules of the {} tier match it", tier.name())
        }
        Step::Partly => format!("decided in part by the {} tier", tier.name()),
        Step::Isolated(_) => format!("isolated by {}", isolating(end)),
        Step::NotIsolated => format!("nothing isolates {subject}"),
        Step::Exempt(clause) => {
            format!("traffic from {subject}'s own node is exempt from NetworkPolicies ({clause})")
        }
        Step::NotReached => format!(
            "a NetworkPolicy selects {subject} for the other direction, so that Baseline has no say \
             (C16)"
        ),
        Step::ReachOpen(_) => format!(
            "a NetworkPolicy selects {subject} for the other direction only; it is open whether \
             Baseline has a say then (C16)"
        ),
    };
    before + &own
}

/// What makes a default deny of a namespace: `yes, payments/deny-all; Baseline closed (pods only)`.
pub fn default_deny(deny: &DefaultDeny) -> String {
    if !deny.holds() {
        return "no".to_owned();
    }
    let mut baseline: Vec<(&str, bool, bool)> = Vec::new();
    for rule in &deny.baseline {
        let pods = rule.covers != Covers::Outside;
        let outside = rule.covers != Covers::Pods;
        match baseline.iter_mut().find(|(name, ..)| *name == rule.policy.name) {
            Some((_, own_pods, own_outside)) => {
                *own_pods |= pods;
                *own_outside |= outside;
            }
            None => baseline.push((&rule.policy.name, pods, outside)),
        }
    }
    let baseline: Vec<String> = baseline
        .into_iter()
        .map(|(name, pods, outside)| match (pods, outside) {
            (true, false) => format!("{name} (pods only)"),
            (false, _) => format!("{name} (outside only)"),
            (true, true) => name.to_owned(),
        })
        .collect();
    let own: Vec<String> = deny.policies.iter().map(object).collect();
    let mut parts = Vec::new();
    if !own.is_empty() {
        parts.push(own.join(", "));
    }
    if !baseline.is_empty() {
        parts.push(format!("Baseline {}", baseline.join(", ")));
    }
    format!("yes, {}", parts.join("; "))
}

/// Who is not reached by Baseline: `2 of payments may never reach Baseline for ingress: …`.
pub fn beyond_baseline(beyond: Beyond, namespace: &str, direction: Direction) -> String {
    let (count, reach) = match beyond {
        Beyond { certain: 0, depends } => (depends, "may never reach"),
        Beyond { certain, .. } => (certain, "never reach"),
    };
    let other = match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    };
    format!(
        "{count} of {namespace} {reach} Baseline for {direction}: NetworkPolicies select them for \
         {other} only ({})",
        Clause::BASELINE_REACH
    )
}
