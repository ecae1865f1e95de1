//! Ends and addresses that no candidate tells apart, each group by one of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::compare::Who;
use super::super::ends::Side;
use super::super::trial::Sample;
use super::{Causes, Policies};
use crate::cluster::{Address, Endpoint, NamedPort, NamespaceId, Selector, Symbol, number};
use crate::compile::FAMILIES;
use crate::manifest::document::{Body, Kind, ObjectKey};
use crate::netset::{AddressSet, Direction, Family, Members};
use crate::rulebook::{Namespaces, Peer, Peers, PodMatch, Policy};

/// What tells an end from another, as far as candidates go.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signature {
    pub(super) namespace: Option<NamespaceId>,
    changed: Option<u32>,
    ports: Vec<NamedPort>,
    host: Option<Option<Symbol>>,
    known: [u8; 2],
    matches: Vec<bool>,
}

impl<'p> Causes<'_, 'p> {
    /// Some ends by what the policies that may count say of them as peers.
    pub(super) fn alike(
        &self,
        who: &Who,
        direction: Direction,
        policies: &Policies<'p>,
    ) -> Vec<(Who, Signature)> {
        let changed = policies.changed.values().flat_map(|(was, is)| [*was, *is]).flatten();
        // Where administrators speak, who decides may differ though the verdict does not.
        let all = changed.clone().chain(policies.standing.iter().copied());
        let has_admin = all.clone().any(|policy| policy.origin.kind.is_admin_policy());
        let speaking: Vec<&Policy> = if has_admin { all.collect() } else { changed.collect() };
        let peers: Vec<&Peer> = speaking
            .iter()
            .filter_map(|policy| policy.matches(direction))
            .flatten()
            .filter_map(|one| match &one.peers {
                Peers::Anyone => None,
                Peers::Some(peers) => Some(peers),
            })
            .flatten()
            .collect();
        if who.ends.is_empty() {
            return self.address_groups(who, &peers);
        }
        let mut groups: BTreeMap<Signature, Vec<u32>> = BTreeMap::new();
        for end in who.ends.iter() {
            groups.entry(self.signature(end, &peers, &policies.between)).or_default().push(end);
        }
        let who = |ends: Vec<u32>| Who::ends(ends.into_iter().collect());
        groups.into_iter().map(|(signature, ends)| (who(ends), signature)).collect()
    }

    fn signature(&self, end: u32, peers: &[&Peer], between: &[&Policy]) -> Signature {
        let Some(Sample::Endpoint(_, before, after)) =
            self.sample(&Who::ends(Members::single(end)))
        else {
            return Signature::default();
        };
        let record = self.ends.record();
        let mut signature = Signature {
            namespace: record.relabelled.contains(&after.namespace).then_some(after.namespace),
            changed: self.is_changed(end).then_some(end),
            ports: after.ports.to_vec(),
            host: after.host_network.then_some(after.node),
            known: after.addresses.map(|address| match address {
                Address::Absent => 0,
                Address::Unknown => 1,
                Address::Known(_) => 2,
            }),
            matches: Vec::new(),
        };
        for peer in peers {
            for (side, endpoint) in [(Side::Before, before), (Side::After, after)] {
                signature.matches.push(match peer {
                    Peer::Pods(pods) => self.selects(side, pods, endpoint),
                    Peer::Addresses(addresses) => FAMILIES.iter().any(|family| {
                        matches!(endpoint.address(*family),
                                 Address::Known(ip) if addresses.contains(ip))
                    }),
                    Peer::Nodes(_) | Peer::DomainNames(_) => false,
                });
            }
        }
        for policy in between {
            for side in [Side::Before, Side::After] {
                let one = |endpoint| self.selects(side, &policy.subject, endpoint);
                signature.matches.extend([one(before), one(after)]);
            }
        }
        signature
    }

    pub(super) fn selects(&self, side: Side, pods: &PodMatch, endpoint: &Endpoint) -> bool {
        let cluster = self.ends.policy(Side::After).cluster();
        let Some(namespace) = cluster.namespace(endpoint.namespace) else { return false };
        let there = match &pods.namespaces {
            Namespaces::Named(name) => *name == namespace.name,
            Namespaces::Labelled(selector) => {
                let key = ObjectKey {
                    kind: Kind::Namespace,
                    namespace: String::new(),
                    name: namespace.name.clone(),
                };
                let labels = self.ends.object(side, &key).and_then(|object| match &object.body {
                    Body::Namespace(own) => Some(&own.labels),
                    _ => None,
                });
                selector.matches(|key| match key {
                    crate::cluster::NAME_LABEL => Some(namespace.name.as_str()),
                    key => labels.and_then(|labels| labels.get(key)),
                })
            }
        };
        let label = |key: &str| {
            let value = endpoint.label(cluster.symbols().get(key)?)?;
            Some(cluster.symbols().text(value))
        };
        there && pods.pods.matches(label)
    }

    /// Ranges of addresses, cut where the policies cut them.
    fn address_groups(&self, who: &Who, peers: &[&Peer]) -> Vec<(Who, Signature)> {
        let blocks = peers.iter().filter_map(|peer| match peer {
            Peer::Addresses(addresses) => Some(addresses.clone()),
            Peer::Pods(_) | Peer::Nodes(_) | Peer::DomainNames(_) => None,
        });
        let blocks: Vec<AddressSet> = blocks.chain(self.node_groups(who, peers)).collect();
        let mut own = AddressSet::empty();
        for (first, last) in &who.addresses {
            own = own.union(&AddressSet::from_range(*first, *last));
        }
        let mut parts = vec![own];
        for block in &blocks {
            let cut = |part: AddressSet| [part.intersection(block), part.difference(block)];
            parts = parts.into_iter().flat_map(cut).filter(|part| !part.is_empty()).collect();
        }
        let who = |part: AddressSet| {
            let mut ranges: Vec<_> = part.ranges().collect();
            ranges.sort_by_key(|(first, _)| (Family::of(*first) == Family::V6, number(*first)));
            Who::addresses(ranges)
        };
        parts.into_iter().map(|part| (who(part), Signature::default())).collect()
    }

    /// Addresses of nodes by what some peers say of these on each side. Names stand for addresses of
    /// no node, so where they are spoken of a node's address is another thing too.
    fn node_groups(&self, who: &Who, peers: &[&Peer]) -> Vec<AddressSet> {
        let has_names = peers.iter().any(|peer| matches!(peer, Peer::DomainNames(_)));
        let selectors: Vec<&Selector> = peers
            .iter()
            .filter_map(|peer| match peer {
                Peer::Nodes(selector) => Some(selector),
                Peer::Pods(_) | Peer::Addresses(_) | Peer::DomainNames(_) => None,
            })
            .collect();
        if selectors.is_empty() && !has_names {
            return Vec::new();
        }
        let is_meant =
            |ip: &IpAddr| who.addresses.iter().any(|(first, last)| (*first..=*last).contains(ip));
        let mut signatures: BTreeMap<IpAddr, BTreeSet<(bool, Vec<bool>)>> = BTreeMap::new();
        for side in [Side::Before, Side::After] {
            for object in self.ends.nodes(side) {
                let Body::Node(node) = &object.body else { continue };
                let matches = || {
                    let one = |selector: &&Selector| selector.matches(|key| node.labels.get(key));
                    (side == Side::After, selectors.iter().map(one).collect())
                };
                for ip in node.addresses.iter().filter(|ip| is_meant(ip)) {
                    signatures.entry(*ip).or_default().insert(matches());
                }
            }
        }
        let mut groups: BTreeMap<BTreeSet<(bool, Vec<bool>)>, Vec<IpAddr>> = BTreeMap::new();
        for (ip, signature) in signatures {
            groups.entry(signature).or_default().push(ip);
        }
        let set = |all: Vec<IpAddr>| {
            let all = all.into_iter().map(|ip| AddressSet::from_range(ip, ip));
            all.fold(AddressSet::empty(), |set, one| set.union(&one))
        };
        groups.into_values().map(set).collect()
    }
}
