//! What policies mean, free of Kubernetes types: who is a subject, and which matches admit what.
//!
//! ```text
//! Rulebook = stages × tiers × policies; every stage must allow, in a tier the rules decide
//! ```

use std::collections::BTreeMap;

use crate::cluster::Selector;
use crate::manifest::document::{ObjectKey, Place};
use crate::netset::{AddressSet, Direction, Protocol};

/// The index of a policy in its rulebook; never given to another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(pub u32);

/// Every policy, by the object that it came from.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    policies: Vec<Option<Policy>>,
    by_origin: BTreeMap<ObjectKey, PolicyId>,
}

impl Rulebook {
    /// Adds a policy; the one of the same origin, if any, goes and is returned.
    pub fn put(&mut self, policy: Policy) -> (PolicyId, Option<PolicyId>) {
        let id = PolicyId(u32::try_from(self.policies.len()).unwrap_or(u32::MAX));
        let old = self.by_origin.insert(policy.origin.clone(), id);
        if let Some(slot) = old.and_then(|old| self.policies.get_mut(old.0 as usize)) {
            *slot = None;
        }
        self.policies.push(Some(policy));
        (id, old)
    }

    /// Whether a policy says what the one of its origin says, which then takes its place over.
    pub fn is_only_moved(&mut self, policy: &Policy) -> bool {
        let own = self.by_origin.get(&policy.origin);
        let own = own.and_then(|id| self.policies.get_mut(id.0 as usize)).and_then(Option::as_mut);
        let Some(own) = own else { return false };
        let says_the_same = Policy { place: policy.place, ..own.clone() } == *policy;
        if says_the_same {
            own.place = policy.place;
        }
        says_the_same
    }

    /// Puts a policy back that was taken out, under the number that it had.
    pub(crate) fn restore(&mut self, id: PolicyId, policy: Policy) {
        if let Some(slot) = self.policies.get_mut(id.0 as usize) {
            self.by_origin.insert(policy.origin.clone(), id);
            *slot = Some(policy);
        }
    }

    /// Takes out the policy of an origin.
    pub fn remove(&mut self, origin: &ObjectKey) -> Option<PolicyId> {
        let id = self.by_origin.remove(origin)?;
        if let Some(slot) = self.policies.get_mut(id.0 as usize) {
            *slot = None;
        }
        Some(id)
    }

    /// A policy that was put and not removed.
    pub fn get(&self, id: PolicyId) -> Option<&Policy> {
        self.policies.get(id.0 as usize)?.as_ref()
    }

    /// The policy of an origin.
    pub fn of(&self, origin: &ObjectKey) -> Option<PolicyId> {
        self.by_origin.get(origin).copied()
    }

    /// Every policy, in the order of origins: kind, namespace, name.
    pub fn iter(&self) -> impl Iterator<Item = (PolicyId, &Policy)> {
        self.by_origin.values().filter_map(|&id| Some((id, self.get(id)?)))
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.by_origin.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_origin.is_empty()
    }
}

/// Where the decision of a policy stands among the others.
///
/// The tiers are asked in order, and the first decision wins; what none decides is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Administrators first: the first rule that matches decides, or passes on.
    Admin,
    /// NetworkPolicies: an endpoint that any of them selects is isolated, and what one of them
    /// allows is allowed.
    NetworkPolicy,
    /// Administrators last, where no NetworkPolicy decided (C16).
    Baseline,
}

impl Tier {
    /// The name as the API writes it: `Admin`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Admin => "Admin",
            Tier::NetworkPolicy => "NetworkPolicy",
            Tier::Baseline => "Baseline",
        }
    }
}

/// The place of an administrator's policy in its tier: the lowest priority first.
///
/// Policies of equal priority are alternatives, and so are the first matches of the two versions
/// of the API, which no text orders one against the other (C28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// 1 for v1alpha1, 2 for v1alpha2; 0 for NetworkPolicies, which have no order.
    pub version: u8,
    /// `spec.priority`
    pub priority: u16,
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Final for the direction.
    Accept,
    /// Final for the direction.
    Deny,
    /// Leaves the tier.
    Pass,
}

impl Action {
    /// The name as the newest API writes it: `Accept`.
    pub fn name(self) -> &'static str {
        match self {
            Action::Accept => "Accept",
            Action::Deny => "Deny",
            Action::Pass => "Pass",
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The object that says it.
    pub origin: ObjectKey,
    /// Where that was read.
    pub place: Place,
    /// Its tier.
    pub tier: Tier,
    /// Its place in the tier.
    pub rank: Rank,
    /// Whom it speaks of.
    pub subject: PodMatch,
    /// Its rules for what comes in, if it speaks of that: a NetworkPolicy then isolates.
    pub ingress: Option<Vec<Match>>,
    /// Its rules for what goes out, if it speaks of that.
    pub egress: Option<Vec<Match>>,
}

impl Policy {
    /// The matches of a direction, if the policy speaks of it.
    pub fn matches(&self, direction: Direction) -> Option<&[Match]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// Traffic with some peers on some ports; its index in the list is its origin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The rule's name, where it has one.
    pub name: String,
    /// What it does; of a NetworkPolicy always to accept.
    pub action: Action,
    /// Whether it stands for a rule that could not be read or evaluated.
    pub fails_closed: bool,
    /// With whom.
    pub peers: Peers,
    /// On what.
    pub ports: Ports,
}

/// The peers of a match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peers {
    /// Everyone, inside and outside of the cluster (C4).
    Anyone,
    /// Any of these; the index is the origin.
    Some(Vec<Peer>),
}

/// One peer of a match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Pods by labels.
    Pods(PodMatch),
    /// Addresses: a block without its exceptions (C9), or networks.
    Addresses(AddressSet),
    /// Nodes by labels, each by its addresses.
    Nodes(Selector),
    /// Addresses outside that any of these names stands for, which no manifest holds (C29).
    DomainNames(Vec<String>),
}

/// Pods by the labels of their namespace and their own (C6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodMatch {
    /// Which namespaces.
    pub namespaces: Namespaces,
    /// Which pods there.
    pub pods: Selector,
}

/// Which namespaces a match speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespaces {
    /// The one of this name.
    Named(String),
    /// Those with such labels.
    Labelled(Selector),
}

/// The ports of a match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ports {
    /// Every port of every protocol (C5).
    Every,
    /// Any of these; the index is the origin.
    Some(Vec<Port>),
}

/// One item of the ports of a match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// From the first to the last, both included.
    Range(Protocol, u16, u16),
    /// What each destination pod calls so (C11).
    Named(Protocol, String),
    /// What each destination pod calls so, under any protocol.
    AnyNamed(String),
    /// Nothing that there is.
    Nothing,
}
