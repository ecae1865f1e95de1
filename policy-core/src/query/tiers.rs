//! What each tier does with a flow, and to which rules the question gets.

use super::why::{Matched, PolicyWhy};
use crate::clause::Clause;
use crate::manifest::FieldPath;
use crate::manifest::document::ObjectKey;
use crate::profile::BaselineReach;
use crate::rulebook::{Action, Policy, Rank, Tier};

/// What a tier does with a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierWhy {
    /// The tier.
    pub tier: Tier,
    /// What it does.
    pub step: Step,
}

/// What a tier does with all that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A rule decides, or passes on.
    Rule {
        /// What the rule does.
        action: Action,
        /// Its policy.
        policy: ObjectKey,
        /// The rule: `spec.ingress[0]`.
        path: FieldPath,
        /// Its name, if it has one.
        name: String,
    },
    /// No rule matches.
    Nothing,
    /// Policies of equal rank match, any of which may apply (C28): what their rules do, each once.
    Alternatives(Vec<Action>),
    /// Rules match parts of it, or hang on what is open.
    Partly,
    /// NetworkPolicies isolate the end, and their rules match so much of it.
    Isolated(Matched),
    /// No NetworkPolicy isolates the end.
    NotIsolated,
    /// The NetworkPolicies have no say over it, whatever they isolate.
    Exempt(Clause),
    /// A NetworkPolicy selects the end for the other direction, and so Baseline has no say (C16).
    NotReached,
    /// The same, but it is open whether Baseline has a say: then it does this (C16).
    ReachOpen(Box<Step>),
    /// An earlier tier decided.
    NotAsked,
}

impl Step {
    /// Whether nothing is left for the tiers behind.
    fn is_final(&self) -> bool {
        match self {
            Step::Rule { action, .. } => *action != Action::Pass,
            Step::Alternatives(actions) => !actions.contains(&Action::Pass),
            Step::Isolated(_) | Step::Exempt(_) => true,
            Step::Nothing
            | Step::Partly
            | Step::NotIsolated
            | Step::NotReached
            | Step::ReachOpen(_)
            | Step::NotAsked => false,
        }
    }
}

/// What each tier does, and which rules of the policies the question gets to.
///
/// `network` is what the NetworkPolicies do; `reach` holds the readings of C16, where it matters.
pub(super) fn tiers(
    policies: &mut [PolicyWhy],
    governing: &[&Policy],
    network: Step,
    reach: Option<&[BaselineReach]>,
) -> Vec<TierWhy> {
    mark_reached(policies, governing);
    let mut steps: Vec<TierWhy> = Vec::with_capacity(3);
    for tier in [Tier::Admin, Tier::NetworkPolicy, Tier::Baseline] {
        let is_decided = steps.iter().any(|before| before.step.is_final());
        let step = match (tier, &network) {
            _ if is_decided => Step::NotAsked,
            (Tier::NetworkPolicy, Step::Isolated(_)) => Step::Isolated(admitted(policies)),
            (Tier::NetworkPolicy, _) => network.clone(),
            (Tier::Admin, _) => first_match(policies, tier),
            (Tier::Baseline, _) => reached(first_match(policies, tier), reach),
        };
        if matches!(step, Step::NotAsked | Step::NotReached | Step::Exempt(_)) {
            let own = policies.iter_mut().filter(|own| own.tier == tier);
            own.flat_map(|own| &mut own.rules).for_each(|rule| rule.is_reached = false);
        }
        steps.push(TierWhy { tier, step });
    }
    steps
}

/// What Baseline does, if a NetworkPolicy selects the end for the other direction.
fn reached(step: Step, reach: Option<&[BaselineReach]>) -> Step {
    let Some(readings) = reach else { return step };
    let is_moot = match &step {
        Step::Rule { action, .. } => *action != Action::Deny,
        Step::Alternatives(actions) => !actions.contains(&Action::Deny),
        Step::Nothing => true,
        _ => false,
    };
    match readings {
        [BaselineReach::Direction] => step,
        [BaselineReach::Pod] => Step::NotReached,
        _ if is_moot => step,
        _ => Step::ReachOpen(Box::new(step)),
    }
}

/// How much of what was asked the rules of the NetworkPolicies admit.
fn admitted(policies: &[PolicyWhy]) -> Matched {
    let own = policies.iter().filter(|own| own.tier == Tier::NetworkPolicy);
    let mut found = Matched::No;
    for rule in own.flat_map(|own| &own.rules) {
        match rule.matched {
            Matched::Yes => return Matched::Yes,
            Matched::Partly => found = Matched::Partly,
            Matched::No => {}
        }
    }
    found
}

/// Behind a rule that matches all that was asked nothing of its policy counts, and no policy of its
/// version of a higher priority.
fn mark_reached(policies: &mut [PolicyWhy], governing: &[&Policy]) {
    let mut decided: Vec<(Tier, Rank)> = Vec::new();
    for own in policies.iter_mut().filter(|own| own.tier != Tier::NetworkPolicy) {
        let rank = governing.iter().find(|one| one.origin == own.policy).map(|one| one.rank);
        let Some(rank) = rank else { continue };
        let is_before = |(tier, before): &(Tier, Rank)| {
            *tier == own.tier && before.version == rank.version && before.priority < rank.priority
        };
        let mut is_reached = !decided.iter().any(is_before);
        for rule in &mut own.rules {
            rule.is_reached = is_reached;
            if is_reached && rule.matched == Matched::Yes {
                decided.push((own.tier, rank));
                is_reached = false;
            }
        }
    }
}

/// The rule of a tier that decides on all that was asked, if it is one alone.
fn first_match(policies: &[PolicyWhy], tier: Tier) -> Step {
    let own = policies.iter().filter(|own| own.tier == tier);
    let rules = own.flat_map(|own| own.rules.iter().map(move |rule| (own, rule)));
    let matching = rules.filter(|(_, rule)| rule.is_reached && rule.matched != Matched::No);
    let matching: Vec<_> = matching.collect();
    match matching.as_slice() {
        [] => Step::Nothing,
        some if some.iter().any(|(_, rule)| rule.matched == Matched::Partly) => Step::Partly,
        [(own, rule)] => Step::Rule {
            action: rule.action,
            policy: own.policy.clone(),
            path: rule.path.clone(),
            name: rule.name.clone(),
        },
        several => {
            let mut actions: Vec<Action> = several.iter().map(|(_, rule)| rule.action).collect();
            actions.sort_unstable();
            actions.dedup();
            Step::Alternatives(actions)
        }
    }
}
