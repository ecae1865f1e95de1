//! Whether Baseline rules deny whatever comes into a namespace, by default.

use crate::compile::FAMILIES;
use crate::manifest::FieldPath;
use crate::manifest::document::{Labels, ObjectKey};
use crate::netset::{AddressSet, Direction, PortSet, Traffic};
use crate::rulebook::{Action, Match, Namespaces, Peer, Peers, Policy, Port, Ports, Rank};

/// A Baseline rule that denies every port to or from every pod, or every address outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineDeny {
    /// Its policy.
    pub policy: ObjectKey,
    /// Where it stands: `spec.ingress[1]`.
    pub path: FieldPath,
    /// Its name, if it has one.
    pub name: String,
    /// With whom it denies.
    pub covers: Covers,
}

/// With whom a rule denies everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Covers {
    /// Every pod off its node's network, and no address outside.
    Pods,
    /// Every address outside, where pods are denied by another rule.
    Outside,
    /// Everyone.
    Everyone,
}

/// With whom a default deny may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Pods,
    Outside,
}

/// A rule by its policy and its index.
type RuleAt<'p> = (&'p Policy, usize);

/// The Baseline rules that make a default deny for a namespace with such labels, by rank; none
/// where none holds with pods. Of the policies, all are in the tier.
///
/// It does where the rules deny every port with every pod, those to come included, before any rule
/// lets everything through; what such rules do before it for some pods, some peers or some ports is
/// an exception to it. Where policies are alternatives (C28), none of them may let everything
/// through.
pub(super) fn baseline_denies(
    policies: &[&Policy],
    direction: Direction,
    labels: &Labels,
) -> Vec<BaselineDeny> {
    let mut speaking: Vec<&Policy> =
        policies.iter().copied().filter(|policy| selects_all(policy, labels)).collect();
    speaking.sort_by(|a, b| (a.rank, &a.origin).cmp(&(b.rank, &b.origin)));
    let pods = denying(&speaking, direction, Target::Pods);
    if pods.is_empty() {
        return Vec::new();
    }
    let outside = denying(&speaking, direction, Target::Outside);
    let mut found = Vec::new();
    for policy in speaking {
        let rules = policy.matches(direction).unwrap_or_default();
        for (at, rule) in rules.iter().enumerate() {
            let is_in = |list: &[RuleAt<'_>]| {
                list.iter().any(|(own, index)| own.origin == policy.origin && *index == at)
            };
            let covers = match (is_in(&pods), is_in(&outside)) {
                (true, true) => Covers::Everyone,
                (true, false) => Covers::Pods,
                (false, true) => Covers::Outside,
                (false, false) => continue,
            };
            found.push(BaselineDeny {
                policy: policy.origin.clone(),
                path: rule_path(direction, at),
                name: rule.name.clone(),
                covers,
            });
        }
    }
    found
}

/// Where a rule of an administrator's policy stands: `spec.egress[0]`.
pub(super) fn rule_path(direction: Direction, at: usize) -> FieldPath {
    let list = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    FieldPath::root().key("spec").key(list).index(at)
}

/// Whether every pod of a namespace with such labels is a subject.
fn selects_all(policy: &Policy, labels: &Labels) -> bool {
    let Namespaces::Labelled(namespaces) = &policy.subject.namespaces else { return false };
    policy.subject.pods.is_empty() && namespaces.matches(|key| labels.get(key))
}

/// The rules that deny everything with a target; none if they do not, or alternatives let through.
fn denying<'p>(policies: &[&'p Policy], direction: Direction, target: Target) -> Vec<RuleAt<'p>> {
    let mut denying = Vec::new();
    let mut rest = policies;
    // Each version of the API keeps its own order.
    while let Some(first) = rest.first() {
        let is_same = |policy: &&&Policy| policy.rank.version == first.rank.version;
        let (version, others) = rest.split_at(rest.iter().take_while(is_same).count());
        rest = others;
        match of_version(version, direction, target) {
            Some(rules) => denying.extend(rules),
            None => return Vec::new(),
        }
    }
    denying
}

/// The rules of one version that deny everything with a target; none if some let it through.
fn of_version<'p>(
    policies: &[&'p Policy],
    direction: Direction,
    target: Target,
) -> Option<Vec<RuleAt<'p>>> {
    let mut rest = policies;
    let mut left = Traffic::all();
    while let Some(Policy { rank: Rank { priority, .. }, .. }) = rest.first() {
        let is_same = |policy: &&&Policy| policy.rank.priority == *priority;
        let (equals, others) = rest.split_at(rest.iter().take_while(is_same).count());
        rest = others;
        let mut denying = Vec::new();
        let before = left.clone();
        for policy in equals {
            let mut open = before.clone();
            let rules = policy.matches(direction).unwrap_or_default();
            let mut own = Vec::new();
            for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| covers(rule, target)) {
                let ports = numbered(&rule.ports);
                let is_deny = rule.action == Action::Deny;
                if is_deny && ports.is_all() {
                    own.clear();
                }
                if is_deny && open.intersects(&ports) {
                    own.push((*policy, at));
                }
                open = open.difference(&ports);
                if open.is_empty() && !is_deny {
                    return None;
                }
                if open.is_empty() {
                    denying.append(&mut own);
                    break;
                }
            }
            left = left.intersection(&open);
        }
        if !denying.is_empty() {
            return Some(denying);
        }
    }
    Some(Vec::new())
}

/// Whether a rule speaks of all of a target.
fn covers(rule: &Match, target: Target) -> bool {
    let Peers::Some(peers) = &rule.peers else { return true };
    let networks = peers.iter().fold(AddressSet::empty(), |all, peer| match peer {
        Peer::Addresses(own) => all.union(own),
        Peer::Pods(_) | Peer::Nodes(_) | Peer::DomainNames(_) => all,
    });
    let every = FAMILIES.map(AddressSet::of_family);
    let every = every.iter().fold(AddressSet::empty(), |all, one| all.union(one));
    let is_every_pod = |peer: &Peer| match peer {
        Peer::Pods(pods) => {
            let everywhere = match &pods.namespaces {
                Namespaces::Labelled(namespaces) => namespaces.is_empty(),
                Namespaces::Named(_) => false,
            };
            everywhere && pods.pods.is_empty()
        }
        Peer::Addresses(_) | Peer::Nodes(_) | Peer::DomainNames(_) => false,
    };
    networks == every || (target == Target::Pods && peers.iter().any(is_every_pod))
}

/// The ports that are given by number.
fn numbered(ports: &Ports) -> Traffic {
    let Ports::Some(ports) = ports else { return Traffic::all() };
    ports.iter().fold(Traffic::empty(), |all, port| match port {
        Port::Range(protocol, first, last) => {
            all.union(&Traffic::of(*protocol, PortSet::range(*first, *last)))
        }
        Port::Named(..) | Port::AnyNamed(_) | Port::Nothing => all,
    })
}
