//! One answer, for people: the verdict first, then both ends.

use std::fmt::Write;

use policy_core::cluster::Cluster;
use policy_core::manifest::{FieldPath, Locator};
use policy_core::netset::Direction;
use policy_core::query::{
    Answer, EndWhy, Matched, Part, PolicyWhy, RuleWhy, Step, TierWhy, Verdict, Why,
};
use policy_core::rulebook::Tier;
use policy_core::say;

use crate::table::pad;
use crate::{Style, Tone};

/// How many pairs of members are shown one by one.
const PARTS: usize = 20;

/// An answer. `others` names what the profiles say of a flow that depends.
pub fn flow_text(
    answer: &Answer,
    cluster: &Cluster,
    places: &mut Locator<'_>,
    others: &[String],
    style: Style,
) -> String {
    let mut out = String::new();
    match answer.parts.as_slice() {
        [only] => part(&mut out, only, cluster, places, style),
        parts => {
            let verdict = paint(style, answer.verdict);
            let _ = writeln!(out, "{verdict}   {} flows, of which", parts.len());
            for one in [Verdict::Allow, Verdict::Deny, Verdict::Depends, Verdict::Mixed] {
                let count = parts.iter().filter(|part| part.verdict == one).count();
                if count > 0 {
                    let _ = writeln!(out, "  {count} {one}");
                }
            }
            out.push('\n');
            for (at, one) in parts.iter().take(PARTS).enumerate() {
                // The first of each verdict with its reasons, the others in a line.
                let is_first = !parts.iter().take(at).any(|before| before.verdict == one.verdict);
                if is_first {
                    part(&mut out, one, cluster, places, style);
                    out.push('\n');
                } else {
                    let _ = writeln!(out, "{}", heading(one, cluster, style));
                }
            }
            if parts.len() > PARTS {
                let _ = writeln!(out, "… {} more: ask with -o json for all", parts.len() - PARTS);
            }
        }
    }
    if !others.is_empty() {
        let clauses: Vec<String> = answer.clauses.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "\n  open      {} ({})", clauses.join(", "), others.join("; "));
    }
    for assumption in &answer.assumptions {
        let _ = writeln!(out, "\n  assumed   {assumption}");
    }
    out
}

fn paint(style: Style, verdict: Verdict) -> String {
    let tone = match verdict {
        Verdict::Allow => Tone::Allow,
        Verdict::Deny => Tone::Deny,
        Verdict::Depends | Verdict::Mixed => Tone::Depends,
    };
    style.paint(tone, verdict.name())
}

fn heading(part: &Part, cluster: &Cluster, style: Style) -> String {
    let asked = say::asked(&part.asked);
    let mut line = format!(
        "{}   {} → {}  {asked}",
        paint(style, part.verdict),
        part.from.display(cluster),
        part.to.display(cluster),
    );
    if part.verdict == Verdict::Mixed {
        let mut pieces = Vec::new();
        if !part.cell.allowed.is_empty() {
            pieces.push(format!("allow {}", part.cell.allowed));
        }
        if !part.cell.depends.is_empty() {
            pieces.push(format!("depends {}", part.cell.depends));
        }
        pieces.push("deny the rest".to_owned());
        let _ = write!(line, ": {}", pieces.join("; "));
    }
    if !part.families.is_empty() {
        let families: Vec<&str> = part.families.iter().map(|family| family.name()).collect();
        let _ = write!(line, "  by {} only (C21)", families.join(", "));
    }
    line
}

fn part(out: &mut String, part: &Part, cluster: &Cluster, places: &mut Locator<'_>, style: Style) {
    let _ = writeln!(out, "{}", heading(part, cluster, style));
    let Some(why) = part.why.as_deref() else {
        for clause in &part.clauses {
            let _ = writeln!(out, "\n  the endpoints behind it stand in no manifest ({clause})");
        }
        return;
    };
    let Why { egress, ingress } = why;
    out.push('\n');
    let ends = [(Direction::Egress, egress, &part.from), (Direction::Ingress, ingress, &part.to)];
    for (direction, end, subject) in ends {
        let subject = subject.display(cluster);
        let _ = writeln!(
            out,
            "  {}{}{}",
            pad(direction.name(), 10),
            paint(style, end.verdict)
                + &" ".repeat(8_usize.saturating_sub(end.verdict.name().len())),
            say::end_reason(direction, end, &subject)
        );
        if end.tiers.is_empty() {
            rules(out, end, places, style);
        }
        for one in &end.tiers {
            let name = pad(one.tier.name(), 15);
            let _ = writeln!(out, "    {name}{}", say::tier_step(end, one));
            rules_of_tier(out, end, one, places, style);
        }
    }
}

/// The rules that admitted, or all that did not.
fn rules(out: &mut String, end: &EndWhy, places: &mut Locator<'_>, style: Style) {
    let admits = |rule: &RuleWhy| match end.verdict {
        Verdict::Allow => rule.matched == Matched::Yes,
        Verdict::Deny => true,
        Verdict::Depends | Verdict::Mixed => rule.matched != Matched::No,
    };
    if end.policies.is_empty() {
        return;
    }
    let all = end.policies.iter().flat_map(|own| own.rules.iter().map(move |rule| (own, rule)));
    let shown: Vec<(&PolicyWhy, &RuleWhy)> = all.filter(|(_, rule)| admits(rule)).collect();
    if shown.is_empty() {
        let _ = writeln!(out, "{}they have no rule that could admit it", " ".repeat(20));
        return;
    }
    let _ = writeln!(out, "{}{}", " ".repeat(20), say::rules_verdict(end.verdict));
    for (policy, rule) in shown {
        one_rule(out, 4, end.verdict, policy, rule, places, style);
    }
}

/// The rules of a tier that decide: of an administrator what matched, of NetworkPolicies what
/// admitted, or all that did not.
fn rules_of_tier(
    out: &mut String,
    end: &EndWhy,
    tier: &TierWhy,
    places: &mut Locator<'_>,
    style: Style,
) {
    let verdict = match tier.step {
        Step::Isolated(Matched::Yes) => Verdict::Allow,
        Step::Isolated(Matched::No) => Verdict::Deny,
        _ => Verdict::Mixed,
    };
    let own = end.policies.iter().filter(|own| own.tier == tier.tier);
    let all = own.flat_map(|own| own.rules.iter().map(move |rule| (own, rule)));
    for (policy, rule) in all.filter(|(_, rule)| rule.is_reached) {
        let is_shown = match verdict {
            Verdict::Allow => rule.matched == Matched::Yes,
            Verdict::Deny => true,
            Verdict::Depends | Verdict::Mixed => rule.matched != Matched::No,
        };
        if is_shown {
            one_rule(out, 6, verdict, policy, rule, places, style);
        }
    }
}

fn one_rule(
    out: &mut String,
    indent: usize,
    verdict: Verdict,
    policy: &PolicyWhy,
    rule: &RuleWhy,
    places: &mut Locator<'_>,
    style: Style,
) {
    let (margin, inner) = (" ".repeat(indent), " ".repeat(indent + 2));
    let mut at = |path: &FieldPath| {
        let start = places.locate(policy.place, path).map(|found| found.start);
        let (line, column) = start.map_or((1, 1), |start| (start.line, start.column));
        style.paint(Tone::Dim, &format!("{}:{line}:{column}", places.name(policy.place)))
    };
    let mut line = |path: &FieldPath| match policy.tier {
        Tier::NetworkPolicy => {
            let short = path.to_string();
            let short = short.strip_prefix("spec.").unwrap_or(&short);
            format!("{margin}{}   {short}   {}", say::object(&policy.policy), at(path))
        }
        Tier::Admin | Tier::Baseline => {
            let what = say::rule(&policy.policy, path, &rule.name);
            let priority = policy.priority.unwrap_or(0);
            let (kind, action) = (policy.policy.kind, rule.action.name());
            format!("{margin}{action}   {kind} {what}, priority {priority}   {}", at(path))
        }
    };
    let ports_fail = rule.ports.iter().all(|port| port.matched == Matched::No);
    let decided_by_ports = verdict == Verdict::Deny && !rule.ports.is_empty() && ports_fail;
    let peers = rule.peers.iter().filter(|peer| match verdict {
        Verdict::Allow => peer.matched == Matched::Yes,
        Verdict::Deny => true,
        Verdict::Depends | Verdict::Mixed => peer.matched != Matched::No,
    });
    let peers: Vec<_> = peers.collect();
    if rule.peers.is_empty() || peers.is_empty() || decided_by_ports {
        let _ = writeln!(out, "{}", line(&rule.path));
    }
    if rule.fails_closed {
        let _ = writeln!(
            out,
            "{inner}a peer of it is not known or cannot be evaluated: it fails closed"
        );
    } else if rule.peers.is_empty() && !decided_by_ports {
        let _ = writeln!(out, "{inner}every peer");
    }
    for peer in peers.into_iter().filter(|_| !decided_by_ports) {
        let _ = writeln!(out, "{}", line(&peer.path));
        let reasons: Vec<(String, String)> = peer.reasons.iter().map(say::peer_reason).collect();
        let widest = reasons.iter().map(|(what, _)| crate::table::width(what)).max().unwrap_or(0);
        for (what, outcome) in reasons {
            let _ = writeln!(out, "{inner}{}   {outcome}", pad(&what, widest));
        }
    }
    if !rule.ports.is_empty() {
        let ports: Vec<String> = rule.ports.iter().map(say::port).collect();
        let outcome = if rule.ports.iter().any(|port| port.matched == Matched::Yes) {
            "covers it"
        } else if ports_fail {
            "does not cover it"
        } else {
            "covers a part of it"
        };
        let _ = writeln!(out, "{inner}ports {}   {outcome}", ports.join(", "));
    }
}
