//! What is said of isolation rules.

use crate::manifest::document::{Promise, RuleReach};
use crate::netset::{Direction, Traffic};
use crate::query::{EndReason, PeerReason, Verdict, Why};
use crate::rules::{FlowBlock, NamedEnds, Violation, Witness};

/// A list of a rule matches nobody: `no pod and no address is meant by this`.
pub fn rule_speaks_of_nobody() -> String {
    "no pod and no address that was read is meant by this".to_owned()
}

/// `namespace shop is in two groups: a, b`
pub fn namespace_in_several(namespace: &str, groups: &[String]) -> String {
    format!("namespace {namespace} is in {} groups: {}", groups.len(), groups.join(", "))
}

/// A rule does not hold: `2 workloads of 2 namespaces now reach payments/db on tcp/5432`.
pub fn rule_broken(promise: &Promise, violation: &Violation, is_new: bool) -> String {
    let now = if is_new { "now " } else { "" };
    let (from, to) = (who(&violation.from), who(&violation.to));
    let is_one = is_one(&violation.from);
    let blocks = || violation.blocks.iter();
    match promise {
        Promise::Forbid { .. } | Promise::Separate { .. } => {
            let flows = blocks()
                .fold(Traffic::empty(), |all, one| all.union(&one.allowed).union(&one.depends));
            let is_sure = blocks().any(|one| !one.allowed.is_empty());
            let verb = match (is_sure, is_one) {
                (true, true) => "reaches",
                (true, false) => "reach",
                (false, _) => "may reach",
            };
            format!("{from} {now}{verb} {to} on {}", ports(&flows))
        }
        Promise::Require { reach, .. } => {
            let missing = blocks()
                .fold(Traffic::empty(), |all, one| all.union(&one.denied).union(&one.depends));
            let is_sure = blocks().any(|one| !one.denied.is_empty());
            let verb = match (is_sure, is_one) {
                (true, true) => "does not reach",
                (true, false) => "do not reach",
                (false, true) => "reaches not for certain",
                (false, false) => "reach not for certain",
            };
            match reach {
                RuleReach::All => format!("{from} {now}{verb} {to} on {}", ports(&missing)),
                RuleReach::Any => format!("{from} {now}{verb} any of {to} on {}", ports(&missing)),
            }
        }
        Promise::Isolated { .. } => {
            let parts: Vec<String> = violation
                .open
                .iter()
                .map(|(direction, pods)| {
                    let is = if self::is_one(pods) { "is" } else { "are" };
                    format!("{} {is} {now}not isolated for {direction}", who(pods))
                })
                .collect();
            parts.join("; ")
        }
    }
}

/// Which pods are not isolated, by name: `not isolated for ingress: a, b, …`.
pub fn open_pods(direction: Direction, pods: &NamedEnds) -> String {
    let shown: Vec<&str> = pods.names.iter().take(8).map(String::as_str).collect();
    let more = if pods.names.len() > 8 { ", …" } else { "" };
    format!("not isolated for {direction}: {}{more}", shown.join(", "))
}

/// One flow of those that break a rule: `for example a/b → c/d tcp/443 was denied, is allowed`.
///
/// `was`: what it was before, where there was a world before; none if an end was not there.
pub fn witness(witness: &Witness, was: Option<Option<Verdict>>) -> String {
    format!("for example {}", was_and_is(witness, was))
}

/// One more of them: `and a/b → c/d tcp/443 was denied, is allowed`.
pub fn another_witness(witness: &Witness, was: Option<Option<Verdict>>) -> String {
    format!("and {}", was_and_is(witness, was))
}

fn was_and_is(witness: &Witness, was: Option<Option<Verdict>>) -> String {
    let [from, to] = &witness.names;
    let is = is(witness.answer.verdict);
    let port = format!("{}/{}", witness.protocol.lower_name(), witness.port);
    let flow = format!("{from} → {to} {port}");
    match was {
        None => format!("{flow} {is}"),
        Some(None) => format!("{flow} {is}; one of the two was not there before"),
        Some(Some(verdict)) if verdict == witness.answer.verdict => format!("{flow} {is}"),
        Some(Some(verdict)) => format!("{flow} {}, {is}", self::was(verdict)),
    }
}

/// What a peer of a policy does for who stands at the other end: `this lets frontend/web through`,
/// and what is easily overlooked in it.
pub fn lets_through(other: &str, is_everyone: bool, reasons: &[PeerReason]) -> String {
    let has = |what: fn(&PeerReason) -> bool| reasons.iter().any(what);
    let by_namespace = has(|one| matches!(one, PeerReason::NamespaceSelector { .. }));
    let by_own_namespace = has(|one| matches!(one, PeerReason::OwnNamespace { .. }));
    let by_pod = has(|one| matches!(one, PeerReason::PodSelector { .. }));
    let hint = if is_everyone {
        ": it names no peer, so everyone"
    } else if by_own_namespace {
        ": a podSelector alone means pods of the policy's own namespace"
    } else if by_namespace && !by_pod {
        ": a namespaceSelector alone means every pod there"
    } else {
        ""
    };
    format!("this lets {other} through{hint}")
}

/// Why a flow is open where no rule of a policy lets it through.
pub fn why_open(why: &Why, witness: &Witness) -> Vec<String> {
    let [from, to] = &witness.names;
    let ends = [(Direction::Egress, &why.egress, from), (Direction::Ingress, &why.ingress, to)];
    ends.into_iter()
        .filter(|(_, end, _)| end.reason != EndReason::NotAPod)
        .map(|(direction, end, name)| super::end_reason(direction, end, name))
        .collect()
}

fn is(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "is allowed",
        Verdict::Deny => "is denied",
        Verdict::Depends => "depends",
        Verdict::Mixed => "is allowed in part",
    }
}

fn was(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "was allowed",
        Verdict::Deny => "was denied",
        Verdict::Depends => "depended",
        Verdict::Mixed => "was allowed in part",
    }
}

fn is_one(ends: &NamedEnds) -> bool {
    ends.names.len() + usize::from(!ends.addresses.is_empty()) == 1 && ends.addresses.is_empty()
        || ends.names.is_empty()
}

/// Some ends in a few words: `frontend/web`, `12 workloads of 3 namespaces and outside`.
pub fn who(ends: &NamedEnds) -> String {
    let is_node = |name: &&String| name.starts_with("node/");
    let nodes = ends.names.iter().filter(is_node).count();
    let workloads = ends.names.len() - nodes;
    let mut parts = Vec::new();
    if ends.names.len() <= 2 {
        parts.extend(ends.names.iter().cloned());
    } else {
        if workloads > 0 {
            let workloads = count(workloads, "workload");
            parts.push(format!("{workloads} of {}", count(ends.namespaces.len(), "namespace")));
        }
        if nodes > 0 {
            parts.push(count(nodes, "node"));
        }
    }
    parts.extend(addresses(ends));
    match parts.as_slice() {
        [] => "nobody".to_owned(),
        [init @ .., last] if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        [only, ..] => only.clone(),
    }
}

/// The addresses of some ends in a word or two.
fn addresses(ends: &NamedEnds) -> Option<String> {
    match ends.addresses.as_slice() {
        [] => None,
        [(first, last)] if first == last => Some(first.to_string()),
        [(first, last)] if !is_whole(first, last) => Some(format!("{first}-{last}")),
        _ => Some("outside".to_owned()),
    }
}

fn is_whole(first: &std::net::IpAddr, last: &std::net::IpAddr) -> bool {
    first.is_unspecified()
        && matches!(
            last.to_string().as_str(),
            "255.255.255.255" | "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        )
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Traffic in a few words: `every port`, `tcp/443`, `tcp/1, tcp/2, tcp/3, …`.
fn ports(traffic: &Traffic) -> String {
    if traffic.is_all() {
        return "every port".to_owned();
    }
    let all = traffic.to_string();
    let items: Vec<&str> = all.split(", ").collect();
    match items.get(..4) {
        Some(some) if items.len() > 4 => format!("{}, …", some.join(", ")),
        _ => all,
    }
}

/// A block in a line: `frontend/web, frontend/api → payments/db  tcp/5432`; of longer lists, so many
/// names.
pub fn flow_block(block: &FlowBlock, names: usize) -> String {
    let (from, to) = (list(&block.from, names), list(&block.to, names));
    let mut parts = Vec::new();
    for (traffic, what) in
        [(&block.allowed, ""), (&block.depends, " depends"), (&block.denied, " denied")]
    {
        if !traffic.is_empty() {
            parts.push(format!("{}{what}", ports(traffic)));
        }
    }
    format!("{from} → {to}  {}", parts.join("; "))
}

fn list(ends: &NamedEnds, most: usize) -> String {
    let mut parts: Vec<String> = ends.names.iter().take(most).cloned().collect();
    if ends.names.len() > most {
        parts.push(format!("… {} more", ends.names.len() - most));
    }
    parts.extend(addresses(ends));
    parts.join(", ")
}
