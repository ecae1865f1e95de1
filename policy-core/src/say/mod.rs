//! One function a sentence: the terminal, the admission message and the hover say the same.
//!
//! Lower case, no full stop, the reader's words: names, labels, lines of their files.

mod check;
mod problem;
mod rules;
mod tiers;

pub use check::summary;
pub use problem::{PROBLEMS, ProblemText, problem};
pub use rules::{
    another_witness, flow_block, lets_through, namespace_in_several, open_pods, rule_broken,
    rule_speaks_of_nobody, who, why_open, witness,
};
pub use tiers::{beyond_baseline, default_deny, rule, tier_step};

use crate::cluster::Requirement;
use crate::manifest::Record;
use crate::manifest::document::ObjectKey;
use crate::netset::{Direction, Traffic};
use crate::query::{Cause, EndReason, EndWhy, PeerReason, PortWhy, Verdict};
use crate::rulebook::Port;

/// `NetworkPolicy payments/deny-all`, as far as it is known; none for text that cannot be parsed.
pub fn record(record: &Record) -> Option<String> {
    let kind = record.kind.as_deref()?;
    Some(match (&record.namespace, &record.name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (_, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    })
}

/// `payments/deny-all`
pub fn object(key: &ObjectKey) -> String {
    if key.namespace.is_empty() {
        key.name.clone()
    } else {
        format!("{}/{}", key.namespace, key.name)
    }
}

/// Why one end says what it says, in one line: `isolated by payments/deny-all`.
pub fn end_reason(direction: Direction, end: &EndWhy, subject: &str) -> String {
    match end.reason {
        EndReason::NotAPod => format!("{subject} is no pod, so no policy applies to it"),
        EndReason::NotIsolated => format!("nothing isolates {subject} for {direction}"),
        EndReason::Isolated => {
            let names: Vec<String> =
                end.policies.iter().map(|policy| object(&policy.policy)).collect();
            format!("isolated by {}", names.join(", "))
        }
        EndReason::Tiers => tiers::reason(end, subject),
        EndReason::Exempt(clause) => match clause.number() {
            15 => format!("{subject} always reaches itself ({clause})"),
            14 => format!("traffic from {subject}'s own node is always allowed ({clause})"),
            _ => format!(
                "{subject} is on its node's network, to which this profile applies no policy \
                 ({clause})"
            ),
        },
        EndReason::NoCommonFamily => {
            "the two ends have no address family in common (C21)".to_owned()
        }
    }
}

/// What the rules of an isolated end come to: `no rule admits it:`.
pub fn rules_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "admitted by:",
        Verdict::Deny => "no rule admits it:",
        Verdict::Depends => "it depends on:",
        Verdict::Mixed => "admitted in part by:",
    }
}

/// A piece of a peer: what it asks for, and what it found.
pub fn peer_reason(reason: &PeerReason) -> (String, String) {
    match reason {
        PeerReason::NamespaceSelector { field, selector, namespace, missed } => (
            format!("{field} {selector}"),
            match missed {
                None => format!("matches namespace {namespace}"),
                Some(missed) => {
                    format!("does not match: namespace {namespace} {}", has(missed))
                }
            },
        ),
        PeerReason::OwnNamespace { own, other } => (
            format!("namespace {own}"),
            if own == other {
                format!("matches namespace {other}")
            } else {
                format!("does not match: the other end is in namespace {other}")
            },
        ),
        PeerReason::PodSelector { selector, endpoint, missed } => (
            format!("podSelector {selector}"),
            match missed {
                None => format!("matches {endpoint}"),
                Some(missed) => format!("does not match: {endpoint} {}", has(missed)),
            },
        ),
        PeerReason::IpBlock { field, addresses, address } => {
            let ranges: Vec<String> =
                addresses.ranges().take(4).map(|(first, last)| format!("{first}-{last}")).collect();
            let more = if addresses.ranges().nth(4).is_some() { ", …" } else { "" };
            (
                format!("{field} {}{more}", ranges.join(", ")),
                match address {
                    Some(address) if addresses.contains(*address) => format!("covers {address}"),
                    Some(address) => format!("does not cover {address}"),
                    None => "the address is not in the manifests (C26)".to_owned(),
                },
            )
        }
        PeerReason::BlocksOutsideOnly => (
            "ipBlock".to_owned(),
            "does not cover pods and nodes under this profile (C8)".to_owned(),
        ),
        PeerReason::HostIsNode => (
            "selectors".to_owned(),
            "do not match: a pod on its node's network is its node here".to_owned(),
        ),
        PeerReason::Nodes { selector, matches } => (
            format!("nodes {selector}"),
            match matches {
                Some(true) => "matches the node".to_owned(),
                Some(false) => "does not match: the other end is no such node".to_owned(),
                None => "whether it is such a node is not in the manifests (C29)".to_owned(),
            },
        ),
        PeerReason::DomainNames { names, is_outside } => (
            format!("domainNames {}", names.join(", ")),
            if *is_outside {
                "what they stand for is not in the manifests (C29)".to_owned()
            } else {
                "do not match: they stand for addresses outside".to_owned()
            },
        ),
        PeerReason::NoPod => {
            ("selectors".to_owned(), "do not match: the other end is no pod".to_owned())
        }
        PeerReason::HostNetwork => (
            "host network".to_owned(),
            "whether selectors match a pod on its node's network is open (C13)".to_owned(),
        ),
    }
}

/// `has role=web`, `has no role`.
fn has((requirement, value): &(Requirement, Option<String>)) -> String {
    match value {
        Some(value) => format!("has {}={value}", requirement.key),
        None => format!("has no {}", requirement.key),
    }
}

/// A port of a rule, and what it means at the destination.
pub fn port(port: &PortWhy) -> String {
    match &port.port {
        Port::Range(..) => port.means.to_string(),
        Port::Named(protocol, name) => {
            named(&format!("{}/{name}", protocol.lower_name()), &port.means)
        }
        Port::AnyNamed(name) => named(&format!("port {name}"), &port.means),
        Port::Nothing => "nothing: its protocol or its range has no port".to_owned(),
    }
}

fn named(name: &str, means: &Traffic) -> String {
    if means.is_empty() {
        format!("{name} (which the destination does not have)")
    } else {
        format!("{name} ({means})")
    }
}

/// What was asked, in the heading of an answer: `tcp/443`, `all ports`.
pub fn asked(traffic: &Traffic) -> String {
    if traffic.is_all() { "all ports".to_owned() } else { traffic.to_string() }
}

/// What changed flows: `NetworkPolicy payments/deny-all added`, `Pod x/a changed (labels)`.
pub fn cause(cause: &Cause) -> String {
    let Cause { kind, namespace, name, how, what } = cause;
    let slash = if namespace.is_empty() { "" } else { "/" };
    let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
    format!("{kind} {namespace}{slash}{name} {}{what}", how.name())
}
