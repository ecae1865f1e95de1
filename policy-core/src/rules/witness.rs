//! One flow of those that break a rule: one with an end outside if there is any, then the first by
//! source, destination, protocol and port. Pods come before nodes, nodes before addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ends::Area;
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
    ask(roster, &from, &to, protocol, port)
}

/// How many areas examples are looked for in, and how many ends of each are looked at.
const EXAMPLE_AREAS: usize = 32;
const EXAMPLE_ENDS: usize = 1_000;

/// Some of the flows, each with an end that a policy can tell from those of the others: in their
/// order, so many of them at most.
pub(super) fn examples(roster: &Roster<'_>, areas: &[Area], most: usize) -> Vec<Witness> {
    let mut flows: BTreeMap<(One, One), (Protocol, u16)> = BTreeMap::new();
    for area in areas.iter().take(EXAMPLE_AREAS) {
        let Some((protocol, port, _)) = area.traffic.items().next() else { continue };
        for (from, to) in views(area) {
            let targets = unlike(roster, to, most);
            for source in unlike(roster, from, most) {
                for target in targets.iter().filter(|target| **target != source) {
                    flows.entry((source.clone(), target.clone())).or_insert((protocol, port));
                }
            }
        }
    }
    let flows = flows.into_iter().take(most);
    flows
        .filter_map(|((from, to), (protocol, port))| ask(roster, &from, &to, protocol, port))
        .collect()
}

/// The first of each class of some ends, so many at most.
fn unlike(roster: &Roster<'_>, ends: Side<'_>, most: usize) -> Vec<One> {
    let Side::Pods(pods) = ends else { return ends.first(roster).into_iter().collect() };
    let mut known = Vec::new();
    let mut found = Vec::new();
    for rank in pods.iter().take(EXAMPLE_ENDS) {
        let class = roster.class_of(rank);
        if found.len() < most && !known.contains(&class) {
            known.push(class);
            found.push(One::Pod(rank));
        }
    }
    found
}

fn ask(
    roster: &Roster<'_>,
    from: &One,
    to: &One,
    protocol: Protocol,
    port: u16,
) -> Option<Witness> {
    let end = |one: &One| Some(End { name: name(roster, one)?, port: None });
    let question = Question {
        from: end(from)?,
        to: end(to)?,
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
    let names = [display(from)?, display(to)?];
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

/// The ends of one side of an area that are of one kind.
#[derive(Clone, Copy)]
enum Side<'a> {
    Pods(&'a Members),
    Nodes(&'a BTreeSet<String>),
    Addresses(&'a AddressSet),
}

fn first(roster: &Roster<'_>, areas: &[Area]) -> Option<(One, One, Protocol, u16)> {
    let views = || areas.iter().flat_map(|area| views(area).map(move |view| (area, view)));
    let is_outside = |(from, to): &(Side<'_>, Side<'_>)| {
        matches!((from, to), (Side::Addresses(_), _) | (_, Side::Addresses(_)))
    };
    let has_outside =
        views().any(|(_, view)| is_outside(&view) && pair(roster, view, None).is_some());
    let chosen = || views().filter(|(_, view)| !has_outside || is_outside(view));
    let source =
        chosen().filter_map(|(_, view)| pair(roster, view, None)).map(|(own, _)| own).min()?;
    // An area whose first source is another may hold this one, too.
    let with_source =
        chosen().filter_map(|(area, view)| Some((area, pair(roster, view, Some(&source))?.1)));
    let (area, target) = with_source.min_by(|(_, one), (_, other)| one.cmp(other))?;
    let (protocol, port, _) = area.traffic.items().next()?;
    Some((source, target, protocol, port))
}

/// An area by kinds of ends, of which one is pods.
fn views(area: &Area) -> impl Iterator<Item = (Side<'_>, Side<'_>)> {
    let (from, to) = (&area.from, &area.to);
    let all = [
        (Side::Pods(&from.pods), Side::Pods(&to.pods)),
        (Side::Nodes(&from.nodes), Side::Pods(&to.pods)),
        (Side::Pods(&from.pods), Side::Nodes(&to.nodes)),
        (Side::Addresses(&from.addresses), Side::Pods(&to.pods)),
        (Side::Pods(&from.pods), Side::Addresses(&to.addresses)),
    ];
    all.into_iter().filter(|(from, to)| !from.is_empty() && !to.is_empty())
}

/// The first source, or the one that is given, with its first destination beside itself.
fn pair(
    roster: &Roster<'_>,
    (from, to): (Side<'_>, Side<'_>),
    source: Option<&One>,
) -> Option<(One, One)> {
    match source {
        Some(source) => {
            let target = from.contains(source).then(|| to.first_but(roster, source)).flatten()?;
            Some((source.clone(), target))
        }
        None => {
            let own = from.first(roster)?;
            if let Some(target) = to.first_but(roster, &own) {
                return Some((own, target));
            }
            // It has nobody but itself: any other has it.
            Some((from.first_but(roster, &own)?, to.first(roster)?))
        }
    }
}

impl Side<'_> {
    fn is_empty(self) -> bool {
        match self {
            Side::Pods(pods) => pods.is_empty(),
            Side::Nodes(nodes) => nodes.is_empty(),
            Side::Addresses(addresses) => addresses.is_empty(),
        }
    }

    fn contains(self, one: &One) -> bool {
        match (self, one) {
            (Side::Pods(pods), One::Pod(rank)) => pods.contains(*rank),
            (Side::Nodes(nodes), One::Node(name)) => nodes.contains(name),
            (Side::Addresses(addresses), One::Address(ip)) => addresses.contains(*ip),
            (Side::Pods(_) | Side::Nodes(_) | Side::Addresses(_), _) => false,
        }
    }

    fn first(self, roster: &Roster<'_>) -> Option<One> {
        match self {
            Side::Pods(pods) => pods.first().map(One::Pod),
            Side::Nodes(nodes) => nodes.first().cloned().map(One::Node),
            Side::Addresses(addresses) => {
                let mut free = addresses.ranges();
                free.find_map(|(first, last)| roster.first_free(first, last)).map(One::Address)
            }
        }
    }

    /// The first that is not this pod itself.
    fn first_but(self, roster: &Roster<'_>, one: &One) -> Option<One> {
        match (self, one) {
            (Side::Pods(pods), One::Pod(rank)) if roster.is_pod(*rank) => {
                pods.iter().find(|own| own != rank).map(One::Pod)
            }
            (Side::Pods(_) | Side::Nodes(_) | Side::Addresses(_), _) => self.first(roster),
        }
    }
}

/// Whether an area has a pair that is judged.
pub(super) fn has_pair(roster: &Roster<'_>, area: &Area) -> bool {
    views(area).any(|view| pair(roster, view, None).is_some())
}
