//! One flow of those that break a rule: one with an end outside if there is any, then the first by
//! source, destination, protocol and port. Pods come before nodes, nodes before addresses.

use std::net::IpAddr;

use super::ends::{Area, Ends};
use super::roster::Roster;
use crate::manifest::document::PortRef;
use crate::netset::{AddressSet, Members, Protocol};
use crate::query::{Answer, Detail, End, EndName, Question, flow};

/// A flow that breaks a rule, and why it has its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What to ask to see it.
    pub question: Question,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The names of the two ends.
    pub names: [String; 2],
    /// The answer, with its reasons.
    pub answer: Answer,
}

/// One end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum One {
    Pod(u32),
    Node(String),
    Address(IpAddr),
}

/// The witness of some areas; none if no pair of them is judged.
pub(super) fn witness(roster: &Roster<'_>, areas: &[Area]) -> Option<Witness> {
    let (from, to, protocol, port) = first(roster, areas)?;
    let end = |one: &One| Some(End { name: name(roster, one)?, port: None });
    let question = Question {
        from: end(&from)?,
        to: end(&to)?,
        protocol: Some(protocol),
        port: Some(PortRef::Number(port)),
    };
    let answer = flow(roster.policy, &question, Detail::Why).ok()?;
    let display = |one: &One| match one {
        One::Pod(rank) => {
            let (id, _) = roster.endpoint(*rank)?;
            Some(roster.policy.cluster().display(id))
        }
        One::Node(name) => Some(format!("node/{name}")),
        One::Address(ip) => Some(ip.to_string()),
    };
    let names = [display(&from)?, display(&to)?];
    Some(Witness { question, protocol, port, names, answer })
}

fn name(roster: &Roster<'_>, one: &One) -> Option<EndName> {
    Some(match one {
        One::Pod(rank) => {
            let (_, endpoint) = roster.endpoint(*rank)?;
            EndName::Endpoint {
                kind: Some(endpoint.kind),
                namespace: roster.policy.cluster().namespace(endpoint.namespace)?.name.clone(),
                name: endpoint.name.to_string(),
            }
        }
        One::Node(name) => EndName::Node(name.clone()),
        One::Address(ip) => EndName::Address(*ip),
    })
}

fn first(roster: &Roster<'_>, areas: &[Area]) -> Option<(One, One, Protocol, u16)> {
    let views = || areas.iter().flat_map(|area| views(area).map(move |view| (area, view)));
    let is_outside =
        |from: &Ends, to: &Ends| !from.addresses.is_empty() || !to.addresses.is_empty();
    let has_outside = views()
        .any(|(_, (from, to))| is_outside(&from, &to) && pair(roster, &from, &to, None).is_some());
    let chosen: Vec<(&Area, (Ends, Ends))> =
        views().filter(|(_, (from, to))| !has_outside || is_outside(from, to)).collect();
    let pairs = chosen.iter().filter_map(|(_, (from, to))| pair(roster, from, to, None));
    let source = pairs.map(|(source, _)| source).min()?;
    // An area whose first source is another may hold this one, too.
    let with_source = chosen
        .iter()
        .filter_map(|(area, (from, to))| Some((*area, pair(roster, from, to, Some(&source))?.1)));
    let (area, target) = with_source.min_by(|(_, one), (_, other)| one.cmp(other))?;
    let (protocol, port, _) = area.traffic.items().next()?;
    Some((source, target, protocol, port))
}

/// An area by kinds of ends, of which one is pods.
fn views(area: &Area) -> impl Iterator<Item = (Ends, Ends)> {
    let (from, to) = (&area.from, &area.to);
    let all = [
        (only_pods(from), only_pods(to)),
        (only_nodes(from), only_pods(to)),
        (only_pods(from), only_nodes(to)),
        (only_addresses(from), only_pods(to)),
        (only_pods(from), only_addresses(to)),
    ];
    all.into_iter().filter(|(from, to)| !from.is_empty() && !to.is_empty())
}

fn only_pods(ends: &Ends) -> Ends {
    Ends::of_pods(ends.pods.clone())
}

fn only_nodes(ends: &Ends) -> Ends {
    Ends { nodes: ends.nodes.clone(), ..Ends::default() }
}

fn only_addresses(ends: &Ends) -> Ends {
    Ends { addresses: ends.addresses.clone(), ..Ends::default() }
}

/// The first source, or the one that is given, with its first destination beside itself.
fn pair(roster: &Roster<'_>, from: &Ends, to: &Ends, source: Option<&One>) -> Option<(One, One)> {
    let but = |one: &One| match one {
        One::Pod(rank) if roster.is_pod(*rank) => {
            Ends { pods: to.pods.difference(&Members::single(*rank)), ..to.clone() }
        }
        One::Pod(_) | One::Node(_) | One::Address(_) => to.clone(),
    };
    match source {
        Some(source) => {
            let target = contains(from, source).then(|| one_of(roster, &but(source))).flatten()?;
            Some((source.clone(), target))
        }
        None => {
            let own = one_of(roster, from)?;
            if let Some(target) = one_of(roster, &but(&own)) {
                return Some((own, target));
            }
            // It has nobody but itself: any other has it.
            let One::Pod(rank) = own else { return None };
            let rest = Ends::of_pods(from.pods.difference(&Members::single(rank)));
            Some((one_of(roster, &rest)?, one_of(roster, to)?))
        }
    }
}

fn one_of(roster: &Roster<'_>, ends: &Ends) -> Option<One> {
    let free = |addresses: &AddressSet| {
        addresses.ranges().find_map(|(first, last)| roster.first_free(first, last))
    };
    let pod = ends.pods.first().map(One::Pod);
    let node = || ends.nodes.first().cloned().map(One::Node);
    pod.or_else(node).or_else(|| free(&ends.addresses).map(One::Address))
}

fn contains(ends: &Ends, one: &One) -> bool {
    match one {
        One::Pod(rank) => ends.pods.contains(*rank),
        One::Node(name) => ends.nodes.contains(name),
        One::Address(ip) => ends.addresses.contains(*ip),
    }
}

/// Whether an area has a pair that is judged.
pub(super) fn has_pair(roster: &Roster<'_>, area: &Area) -> bool {
    views(area).any(|(from, to)| pair(roster, &from, &to, None).is_some())
}
