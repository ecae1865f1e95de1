//! One answer, for people: the verdict first, then both ends.

use std::fmt::Write;

use policy_core::cluster::Cluster;
use policy_core::manifest::{FieldPath, Locator};
use policy_core::netset::Direction;
use policy_core::query::{Answer, EndWhy, Matched, Part, PolicyWhy, RuleWhy, Step, Verdict, Why};
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
        for one in &end.tiers {
            let tier = pad(one.tier.name(), 15);
            let _ = writeln!(out, "{}{tier}{}", " ".repeat(20), say::tier_step(one));
        }
        rules(out, end, places, style);
    }
}

/// The rules that admitted, or all that did not.
fn rules(out: &mut String, end: &EndWhy, places: &mut Locator<'_>, style: Style) {
    let all =
        end.policies.iter().flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule)));
    let is_asked =
        |tier: Tier| end.tiers.iter().all(|one| one.tier != tier || one.step != Step::NotAsked);
    let admits = |(policy, rule): &(&PolicyWhy, &RuleWhy)| match (policy.tier, end.verdict) {
        _ if !is_asked(policy.tier) => false,
        (Tier::Admin | Tier::Baseline, _) => rule.matched != Matched::No,
        (Tier::NetworkPolicy, Verdict::Allow) => rule.matched == Matched::Yes,
        (Tier::NetworkPolicy, Verdict::Deny) => true,
        (Tier::NetworkPolicy, Verdict::Depends | Verdict::Mixed) => rule.matched != Matched::No,
    };
    let shown: Vec<(&PolicyWhy, &RuleWhy)> = all.filter(admits).collect();
    if end.policies.is_empty() {
        return;
    }
    if shown.is_empty() {
        if end.tiers.is_empty() {
            let _ = writeln!(out, "{}they have no rule that could admit it", " ".repeat(20));
        }
        return;
    }
    let title =
        if end.tiers.is_empty() { say::rules_verdict(end.verdict) } else { "by these rules:" };
    let _ = writeln!(out, "{}{title}", " ".repeat(20));
    for (policy, rule) in shown {
        // Of an administrator's rule, what matched is what matters.
        let verdict = match policy.tier {
            Tier::Admin | Tier::Baseline => Verdict::Mixed,
            Tier::NetworkPolicy => end.verdict,
        };
        one_rule(out, verdict, policy, rule, places, style);
    }
}

fn one_rule(
    out: &mut String,
    verdict: Verdict,
    policy: &PolicyWhy,
    rule: &RuleWhy,
    places: &mut Locator<'_>,
    style: Style,
) {
    let name = say::object(&policy.policy);
    let mut at = |path: &FieldPath| {
        let start = places.locate(policy.place, path).map(|found| found.start);
        let (line, column) = start.map_or((1, 1), |start| (start.line, start.column));
        style.paint(Tone::Dim, &format!("{}:{line}:{column}", places.name(policy.place)))
    };
    let does = match policy.tier {
        Tier::NetworkPolicy => String::new(),
        Tier::Admin | Tier::Baseline => {
            let own =
                if rule.name.is_empty() { String::new() } else { format!(" \"{}\"", rule.name) };
            let priority = policy.priority.unwrap_or(0);
            format!(
                "   {}{own}   {} tier, priority {priority}",
                rule.action.name(),
                policy.tier.name()
            )
        }
    };
    let mut line = |path: &FieldPath| {
        let short = path.to_string();
        let short = short.strip_prefix("spec.").unwrap_or(&short);
        format!("    {name}   {short}{does}   {}", at(path))
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
            "      a peer of it is not known or cannot be evaluated: it fails closed"
        );
    } else if rule.peers.is_empty() && !decided_by_ports {
        let _ = writeln!(out, "      every peer");
    }
    for peer in peers.into_iter().filter(|_| !decided_by_ports) {
        let _ = writeln!(out, "{}", line(&peer.path));
        let reasons: Vec<(String, String)> = peer.reasons.iter().map(say::peer_reason).collect();
        let widest = reasons.iter().map(|(what, _)| crate::table::width(what)).max().unwrap_or(0);
        for (what, outcome) in reasons {
            let _ = writeln!(out, "      {}   {outcome}", pad(&what, widest));
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
        let _ = writeln!(out, "      ports {}   {outcome}", ports.join(", "));
    }
}
