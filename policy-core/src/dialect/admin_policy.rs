//! What the two versions of the administrators' policies share: they differ in spelling, and the
//! reader has levelled that.

use crate::cluster::Selector;
use crate::manifest::document::{
    self, AdminPeer, AdminPolicy, AdminPort, AdminRule, AdminTier, NamespacedPods, ObjectKey, Place,
};
use crate::netset::AddressSet;
use crate::rulebook::{
    Action, Match, Namespaces, Peer, Peers, PodMatch, Policy, Port, Ports, Rank, Tier,
};

/// The rules of an administrator's policy; `version` tells apart the lists that no text orders one
/// against the other.
pub(super) fn lower(key: &ObjectKey, place: Place, policy: &AdminPolicy, version: u8) -> Policy {
    let matches = |rules: &[AdminRule]| {
        // A policy without rules of a direction says nothing of it.
        (!rules.is_empty()).then(|| rules.iter().map(lower_rule).collect())
    };
    Policy {
        origin: key.clone(),
        place,
        tier: match policy.tier {
            AdminTier::Admin => Tier::Admin,
            AdminTier::Baseline => Tier::Baseline,
        },
        rank: Rank { version, priority: policy.priority },
        subject: pods(&policy.subject),
        ingress: matches(&policy.ingress),
        egress: matches(&policy.egress),
    }
}

fn lower_rule(rule: &AdminRule) -> Match {
    let action = match rule.action {
        document::Action::Accept => Action::Accept,
        document::Action::Deny => Action::Deny,
        document::Action::Pass => Action::Pass,
    };
    let name = rule.name.clone();
    let Some(peers) = &rule.peers else {
        // It fails closed: to accept matches nothing, all else denies everything.
        return match action {
            Action::Accept => Match {
                name,
                action,
                fails_closed: true,
                peers: Peers::Some(Vec::new()),
                ports: Ports::Every,
            },
            Action::Deny | Action::Pass => Match {
                name,
                action: Action::Deny,
                fails_closed: true,
                peers: Peers::Anyone,
                ports: Ports::Every,
            },
        };
    };
    let peers = Peers::Some(peers.iter().map(lower_peer).collect());
    let ports = rule
        .ports
        .as_ref()
        .map_or(Ports::Every, |ports| Ports::Some(ports.iter().map(lower_port).collect()));
    Match { name, action, fails_closed: false, peers, ports }
}

fn lower_peer(peer: &AdminPeer) -> Peer {
    match peer {
        AdminPeer::Pods(what) => Peer::Pods(pods(what)),
        AdminPeer::Nodes(selector) => Peer::Nodes(Selector::new(selector)),
        AdminPeer::Networks(blocks) => {
            Peer::Addresses(AddressSet::from_cidrs(blocks.iter().copied()))
        }
        AdminPeer::DomainNames(names) => Peer::DomainNames(names.clone()),
    }
}

fn pods(what: &NamespacedPods) -> PodMatch {
    PodMatch {
        namespaces: Namespaces::Labelled(Selector::new(&what.namespaces)),
        pods: Selector::new(&what.pods),
    }
}

fn lower_port(port: &AdminPort) -> Port {
    match port {
        AdminPort::Range(protocol, first, last) => Port::Range(*protocol, *first, *last),
        AdminPort::Named(name) => Port::AnyNamed(name.clone()),
        AdminPort::Nothing => Port::Nothing,
    }
}
