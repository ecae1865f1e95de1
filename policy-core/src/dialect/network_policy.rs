//! `networking.k8s.io/v1` NetworkPolicy: allow rules only, and whatever a policy selects is
//! isolated.

use crate::cluster::Selector;
use crate::manifest::document::{self, NetworkPolicy, ObjectKey, Place, PolicyPort, PortRef, Rule};
use crate::netset::{AddressSet, Direction};
use crate::rulebook::{
    Action, Match, Namespaces, Peer, Peers, PodMatch, Policy, Port, Ports, Rank, Tier,
};

/// The rules of a NetworkPolicy.
pub(crate) fn lower(key: &ObjectKey, place: Place, policy: &NetworkPolicy) -> Policy {
    let matches = |direction| {
        let rules = policy.rules(direction).iter();
        policy.isolates(direction).then(|| rules.map(|rule| lower_rule(key, rule)).collect())
    };
    Policy {
        origin: key.clone(),
        place,
        tier: Tier::NetworkPolicy,
        rank: Rank::default(),
        subject: PodMatch {
            namespaces: Namespaces::Named(key.namespace.clone()),
            pods: Selector::new(&policy.pod_selector),
        },
        ingress: matches(Direction::Ingress),
        egress: matches(Direction::Egress),
    }
}

fn lower_rule(key: &ObjectKey, rule: &Rule) -> Match {
    let peers = match rule.peers.as_slice() {
        [] => Peers::Anyone,
        peers => Peers::Some(peers.iter().map(|peer| lower_peer(key, peer)).collect()),
    };
    let ports = match rule.ports.as_slice() {
        [] => Ports::Every,
        ports => Ports::Some(ports.iter().map(lower_port).collect()),
    };
    Match { name: String::new(), action: Action::Accept, fails_closed: false, peers, ports }
}

fn lower_peer(key: &ObjectKey, peer: &document::Peer) -> Peer {
    match peer {
        document::Peer::Pods { pod_selector, namespace_selector } => Peer::Pods(PodMatch {
            namespaces: match namespace_selector {
                Some(selector) => Namespaces::Labelled(Selector::new(selector)),
                None => Namespaces::Named(key.namespace.clone()),
            },
            pods: pod_selector.as_ref().map(Selector::new).unwrap_or_default(),
        }),
        document::Peer::IpBlock { cidr, except } => {
            let but = AddressSet::from_cidrs(except.iter().copied());
            Peer::Addresses(AddressSet::from(*cidr).difference(&but))
        }
    }
}

fn lower_port(port: &PolicyPort) -> Port {
    match &port.port {
        None => Port::Range(port.protocol, 1, u16::MAX),
        Some(PortRef::Number(first)) => {
            Port::Range(port.protocol, *first, port.end_port.unwrap_or(*first))
        }
        Some(PortRef::Name(name)) => Port::Named(port.protocol, name.clone()),
    }
}
