//! One flow, or the flows between all that two ends mean.

use std::collections::BTreeSet;
use std::fmt;

use super::clauses::clauses_at;
use super::end::{Meaning, named_ports};
use super::joint::{Joint, Side, joint};
use super::{End, EndName, Member, QuestionError, Why, resolve, why};
use crate::clause::Clause;
use crate::cluster::{Address, EndpointId, address, number};
use crate::compile::{Cell, CompiledPolicy, FAMILIES, ValueId};
use crate::limits;
use crate::manifest::document::PortRef;
use crate::netset::{Direction, Family, PortSet, Protocol, Traffic};
use crate::rulebook::{Namespaces, Peer, Peers};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who sends.
    pub from: End,
    /// Who receives.
    pub to: End,
    /// On what protocol; TCP if there is a port, else all.
    pub protocol: Option<Protocol>,
    /// On what port; all if there is none here nor behind the destination's name.
    pub port: Option<PortRef>,
}

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The verdict and its clauses.
    Verdict,
    /// Each rule that decided or was considered, too.
    Why,
}

/// Whether it flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Under every reading.
    Allow,
    /// Under no reading.
    Deny,
    /// Under some readings.
    Depends,
    /// Of many flows some are of one kind, some of another.
    Mixed,
}

impl Verdict {
    /// `allow`, `deny`, `depends` or `mixed`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Depends => "depends",
            Verdict::Mixed => "mixed",
        }
    }

    /// The verdict of a cell over what was asked, which is not empty.
    pub(crate) fn of(cell: &Cell, asked: &Traffic) -> Verdict {
        if asked.is_subset(&cell.allowed) {
            Verdict::Allow
        } else if asked.is_subset(&cell.depends) {
            Verdict::Depends
        } else if !asked.intersects(&cell.allowed) && !asked.intersects(&cell.depends) {
            Verdict::Deny
        } else {
            Verdict::Mixed
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict of all flows together.
    pub verdict: Verdict,
    /// The clauses that it hangs on, or that decided.
    pub clauses: Vec<Clause>,
    /// What the manifests do not say, and was assumed.
    pub assumptions: Vec<Assumption>,
    /// The flows between each two members, at least one.
    pub parts: Vec<Part>,
}

impl Answer {
    /// What is allowed and what depends of all that was asked: with every member that is meant.
    pub fn cell(&self) -> Cell {
        let mut parts = self.parts.iter().map(|part| &part.cell);
        let Some(first) = parts.next() else { return Cell::default() };
        parts.fold(first.clone(), |all, part| {
            let possible = |cell: &Cell| cell.allowed.union(&cell.depends);
            let allowed = all.allowed.intersection(&part.allowed);
            let some = possible(&all).intersection(&possible(part));
            Cell { depends: some.difference(&allowed), allowed }
        })
    }
}

/// The flows between two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Who sends.
    pub from: Member,
    /// Who receives.
    pub to: Member,
    /// What was asked of these two, after a Service's translation; not empty.
    pub asked: Traffic,
    /// What of that is allowed, and what depends.
    pub cell: Cell,
    /// The verdict.
    pub verdict: Verdict,
    /// The clauses that it hangs on, or that decided.
    pub clauses: Vec<Clause>,
    /// The families in which it may flow, where they do not all allow the same (C21).
    pub families: Vec<Family>,
    /// Why, if that was asked.
    pub why: Option<Box<Why>>,
}

/// What the manifests do not say, and was assumed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assumption {
    /// The namespace was not read: it has the label with its name only (C22).
    NamespaceLabels(String),
    /// The pod's address is not known: it is an IPv4 address (C26).
    Ipv4(String),
    /// The pod's node is not known: it is another one (C14).
    OtherNode(String),
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assumption::NamespaceLabels(name) => write!(
                f,
                "namespace {name} was not read: taken to have no label but its name (C22)"
            ),
            Assumption::Ipv4(endpoint) => {
                write!(f, "the address of {endpoint} is not known: taken to be IPv4 (C26)")
            }
            Assumption::OtherNode(endpoint) => {
                write!(f, "the node of {endpoint} is not known: taken to be another one (C14)")
            }
        }
    }
}

/// The verdict on one flow between two endpoints, by their own addresses.
///
/// The fast way, for millions: two look-ups in the compiled rows.
pub fn verdict(
    policy: &CompiledPolicy,
    from: EndpointId,
    to: EndpointId,
    protocol: Protocol,
    port: u16,
) -> Option<Verdict> {
    let cluster = policy.cluster();
    let sides =
        (Side::Endpoint(from, cluster.endpoint(from)?), Side::Endpoint(to, cluster.endpoint(to)?));
    let joint = joint(policy, &sides.0, &sides.1, false)?;
    Some(match joint.at(policy, protocol, port) {
        (true, _) => Verdict::Allow,
        (false, true) => Verdict::Depends,
        (false, false) => Verdict::Deny,
    })
}

/// Answers a question.
///
/// # Errors
/// An end means nobody, or a question has no answer: see [`QuestionError`].
pub fn flow(
    policy: &CompiledPolicy,
    question: &Question,
    detail: Detail,
) -> Result<Answer, QuestionError> {
    let cluster = policy.cluster();
    let Question { from, to, protocol, port } = question;
    if from.port.is_some() {
        return Err(QuestionError::PortOfSource(from.to_string()));
    }
    let port = match (&to.port, port) {
        (Some(behind), Some(beside)) if behind != beside => return Err(QuestionError::TwoPorts),
        (behind, beside) => behind.as_ref().or(beside.as_ref()),
    };
    let protocol = protocol.or(port.map(|_| Protocol::Tcp));
    let sources = match resolve(cluster, from, None, None) {
        Ok(Meaning::Members(members)) => members,
        Ok(Meaning::Backends(_) | Meaning::UnknownBackends) => {
            return Err(QuestionError::ServiceAsSource(from.to_string()));
        }
        Err(QuestionError::Service { .. }) => {
            return Err(QuestionError::ServiceAsSource(from.to_string()));
        }
        Err(error) => return Err(error),
    };
    let mut targets: Vec<(Member, Traffic)> = Vec::new();
    let mut through_service = true;
    match resolve(cluster, to, protocol, port)? {
        Meaning::Members(members) => {
            through_service = false;
            for member in members {
                targets.extend(
                    asked_of(policy, &member, protocol, port)?.map(|asked| (member, asked)),
                );
            }
            if let (true, Some(PortRef::Name(name))) = (targets.is_empty(), port) {
                return Err(QuestionError::NoSuchPort { end: to.to_string(), port: name.clone() });
            }
        }
        Meaning::Backends(backends) => {
            for backend in backends {
                let asked = Traffic::of(backend.protocol, PortSet::single(backend.port));
                targets.push((Member::Endpoint(backend.endpoint), asked));
            }
        }
        Meaning::UnknownBackends => {
            targets.push((Member::Missing(to.to_string()), asked(protocol, port)));
        }
    }
    if sources.len().saturating_mul(targets.len()) > limits::QUESTION_PAIRS {
        return Err(QuestionError::TooManyMembers { limit: limits::QUESTION_PAIRS });
    }
    let mut answer = Answer {
        verdict: Verdict::Mixed,
        clauses: Vec::new(),
        assumptions: Vec::new(),
        parts: Vec::new(),
    };
    let mut assumptions = BTreeSet::new();
    for source in &sources {
        for (target, asked) in &targets {
            between(policy, source, target, asked, through_service, detail, &mut answer.parts)?;
            assume(policy, source, target, &mut assumptions);
        }
    }
    let mut verdicts = answer.parts.iter().map(|part| part.verdict);
    let first = verdicts.next().unwrap_or(Verdict::Deny);
    answer.verdict = if verdicts.all(|one| one == first) { first } else { Verdict::Mixed };
    let mut clauses: Vec<Clause> =
        answer.parts.iter().flat_map(|part| part.clauses.iter().copied()).collect();
    clauses.sort_unstable();
    clauses.dedup();
    answer.clauses = clauses;
    answer.assumptions = assumptions.into_iter().collect();
    Ok(answer)
}

fn asked(protocol: Option<Protocol>, port: Option<&PortRef>) -> Traffic {
    match (protocol, port) {
        (Some(protocol), Some(PortRef::Number(port))) => {
            Traffic::of(protocol, PortSet::single(*port))
        }
        (Some(protocol), _) => Traffic::of(protocol, PortSet::all()),
        (None, _) => Traffic::all(),
    }
}

/// What is asked of one member; none if it lacks the port of that name.
fn asked_of(
    policy: &CompiledPolicy,
    member: &Member,
    protocol: Option<Protocol>,
    port: Option<&PortRef>,
) -> Result<Option<Traffic>, QuestionError> {
    let Some(PortRef::Name(name)) = port else { return Ok(Some(asked(protocol, port))) };
    let Member::Endpoint(id) = member else {
        return Err(QuestionError::NameOfNoPod(name.clone()));
    };
    let protocol = protocol.unwrap_or(Protocol::Tcp);
    let numbers = named_ports(policy.cluster(), *id, protocol, name);
    let ports =
        numbers.iter().fold(PortSet::empty(), |all, number| all.union(&PortSet::single(*number)));
    Ok((!ports.is_empty()).then(|| Traffic::of(protocol, ports)))
}

/// Adds the flows from one member to another.
fn between(
    policy: &CompiledPolicy,
    from: &Member,
    to: &Member,
    asked: &Traffic,
    through_service: bool,
    detail: Detail,
    parts: &mut Vec<Part>,
) -> Result<(), QuestionError> {
    if let Member::Missing(end) = to {
        let Member::Endpoint(id) = from else {
            return Err(QuestionError::UnknownService(end.clone()));
        };
        parts.push(to_unknown(policy, *id, from, to, asked));
        return Ok(());
    }
    for (from, to) in cut(policy, from, to) {
        let sides = (Side::of(policy, &from), Side::of(policy, &to));
        let (Some(from_side), Some(to_side)) = sides else { return Err(QuestionError::NoPod) };
        let joint =
            joint(policy, &from_side, &to_side, through_service).ok_or(QuestionError::NoPod)?;
        let cell = single(asked).map_or_else(
            || joint.cell(policy).intersection(asked),
            |(protocol, port)| point(&joint, policy, protocol, port, asked),
        );
        let verdict = Verdict::of(&cell, asked);
        // What depends hangs on what is open only.
        let settled = joint.settled.filter(|_| verdict != Verdict::Depends);
        let mut clauses: Vec<Clause> = settled.into_iter().collect();
        for (protocol, port, _) in cell.depends.items() {
            clauses.extend(clauses_at(policy, &from_side, &to_side, &joint, protocol, port));
        }
        clauses.sort_unstable();
        clauses.dedup();
        let why = (detail == Detail::Why)
            .then(|| Box::new(why::explain(policy, &from_side, &to_side, &joint, asked)));
        let families = unlike_families(&joint, policy, asked);
        parts.push(Part { from, to, asked: asked.clone(), cell, verdict, clauses, families, why });
    }
    Ok(())
}

/// The families in which something flows, where the two families do not allow the same.
fn unlike_families(joint: &Joint, policy: &CompiledPolicy, asked: &Traffic) -> Vec<Family> {
    let [Some(v4), Some(v6)] = joint.readings.first().map_or([None, None], |one| one.families)
    else {
        return Vec::new();
    };
    if v4 == v6 {
        return Vec::new();
    }
    let cells = [0, 1].map(|kept| {
        let mut only = joint.clone();
        for reading in &mut only.readings {
            for (at, family) in reading.families.iter_mut().enumerate() {
                if at != kept {
                    *family = None;
                }
            }
        }
        only.cell(policy).intersection(asked)
    });
    let [v4, v6] = &cells;
    if v4 == v6 {
        return Vec::new();
    }
    let flows = FAMILIES.into_iter().zip(&cells).filter(|(_, cell)| !cell.is_denied());
    flows.map(|(family, _)| family).collect()
}

/// The one port that is asked for, if it is one.
fn single(asked: &Traffic) -> Option<(Protocol, u16)> {
    let mut items = asked.items();
    match (items.next(), items.next()) {
        (Some((protocol, first, last)), None) if first == last => Some((protocol, first)),
        _ => None,
    }
}

fn point(
    joint: &Joint,
    policy: &CompiledPolicy,
    protocol: Protocol,
    port: u16,
    asked: &Traffic,
) -> Cell {
    match joint.at(policy, protocol, port) {
        (true, _) => Cell { allowed: asked.clone(), depends: Traffic::empty() },
        (false, true) => Cell { allowed: Traffic::empty(), depends: asked.clone() },
        (false, false) => Cell::default(),
    }
}

/// A range outside in the parts that the rules tell apart.
fn cut(policy: &CompiledPolicy, from: &Member, to: &Member) -> Vec<(Member, Member)> {
    let (subject, direction, first, last) = match (from, to) {
        (Member::Endpoint(id), Member::Outside { first, last }) => {
            (*id, Direction::Egress, *first, *last)
        }
        (Member::Outside { first, last }, Member::Endpoint(id)) => {
            (*id, Direction::Ingress, *first, *last)
        }
        _ => return vec![(from.clone(), to.clone())],
    };
    let row = policy.class_of(subject).and_then(|class| policy.row(direction, class));
    let Some(row) = row else { return Vec::new() };
    let family = Family::of(first);
    let (first, last) = (number(first), number(last));
    let mut parts = Vec::new();
    for (start, end, _) in row.runs(family) {
        let (start, end) = (start.max(first), end.min(last));
        if start <= end {
            let range =
                Member::Outside { first: address(family, start), last: address(family, end) };
            parts.push(match direction {
                Direction::Egress => (from.clone(), range),
                Direction::Ingress => (range, to.clone()),
            });
        }
    }
    parts
}

/// A flow to endpoints that stand in no manifest: denied where nothing may leave the source.
fn to_unknown(
    policy: &CompiledPolicy,
    id: EndpointId,
    from: &Member,
    to: &Member,
    asked: &Traffic,
) -> Part {
    let row = policy.class_of(id).and_then(|class| policy.row(Direction::Egress, class));
    let nothing_leaves = row.is_some_and(|row| {
        let runs = FAMILIES.into_iter().flat_map(|family| row.runs(family));
        row.pieces.is_empty() && runs.into_iter().all(|(_, _, value)| value == ValueId::NOTHING)
    });
    let (cell, verdict) = if nothing_leaves {
        (Cell::default(), Verdict::Deny)
    } else {
        (Cell { allowed: Traffic::empty(), depends: asked.clone() }, Verdict::Depends)
    };
    Part {
        from: from.clone(),
        to: to.clone(),
        asked: asked.clone(),
        cell,
        verdict,
        clauses: vec![Clause::SERVICES],
        families: Vec::new(),
        why: None,
    }
}

/// Notes what was assumed of either end where the other end's rules ask for it.
fn assume(policy: &CompiledPolicy, from: &Member, to: &Member, into: &mut BTreeSet<Assumption>) {
    let ends = [(Direction::Ingress, to, from), (Direction::Egress, from, to)];
    for (direction, subject, peer) in ends {
        let Member::Endpoint(subject) = subject else { continue };
        if let Member::Node { .. } = peer
            && policy.cluster().endpoint(*subject).is_some_and(|one| one.node.is_none())
        {
            into.insert(Assumption::OtherNode(policy.cluster().display(*subject)));
        }
        let Member::Endpoint(peer) = peer else { continue };
        let Some(class) = policy.class_of(*subject) else { continue };
        let speaking = policy.speaking(direction, class);
        let Some(endpoint) = policy.cluster().endpoint(*peer).filter(|_| !speaking.is_empty())
        else {
            continue;
        };
        let namespace = policy.cluster().namespace(endpoint.namespace);
        let unread = namespace.filter(|namespace| !namespace.is_read);
        let unknown = endpoint.address(Family::V4) == Address::Unknown
            && !endpoint.host_network
            && policy.cluster().pod_ranges().is_assumed();
        if unread.is_none() && !unknown {
            continue;
        }
        let policies = speaking.iter().filter_map(|id| policy.rulebook().get(*id));
        let matches = policies.filter_map(|policy| policy.matches(direction)).flatten();
        for peer_match in matches.filter_map(|one| match &one.peers {
            Peers::Anyone => None,
            Peers::Some(peers) => Some(peers),
        }) {
            for one in peer_match {
                match (one, unread) {
                    (Peer::Pods(pods), Some(namespace)) => {
                        if let Namespaces::Labelled(selector) = &pods.namespaces
                            && !selector.is_empty()
                        {
                            into.insert(Assumption::NamespaceLabels(namespace.name.clone()));
                        }
                    }
                    (Peer::Addresses(_), _) if unknown => {
                        into.insert(Assumption::Ipv4(policy.cluster().display(*peer)));
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Question {
    /// The destination's name and port as one end, for an answer that repeats the question.
    pub fn destination(&self) -> End {
        let port = self.to.port.clone();
        End { name: EndName::clone(&self.to.name), port }
    }
}
