//! The facts that an end and its other end hang on and that the manifests do not hold: every way in
//! which they may be.
//!
//! Each family is looked at on its own. Only the labels of a node could tie two families together: of
//! a pod on the network of a node that was not read, with addresses of both, something may be said to
//! depend that is allowed by one family or the other whatever the labels are. Never the other way.

use std::collections::{BTreeMap, BTreeSet};

use super::tier::{End, Known, Meant, NodeFact, Other};
use crate::cluster::{Condition, Endpoint, Selector, number};
use crate::limits;
use crate::netset::{AddressSet, Family, IntervalSet, Protocol};
use crate::rulebook::{Peer, Peers};

/// The open facts of an end and its other end, in a family.
pub(super) struct Facts<'a> {
    pub(super) addresses: Vec<Option<u128>>,
    pub(super) node_selectors: Vec<&'a Selector>,
    pub(super) nodes: Vec<Vec<bool>>,
    pub(super) domain_names: Vec<&'a str>,
    pub(super) domains: Vec<Vec<bool>>,
    pub(super) port_names: Vec<(Protocol, &'a str)>,
    pub(super) ports: Vec<Vec<bool>>,
}

impl<'a> End<'a> {
    /// The facts that are open, whatever the reading; none if there are too many worlds.
    pub(super) fn facts(
        &self,
        other: &Other<'a>,
        known: &Known,
        family: Family,
        names_end: Option<&Endpoint>,
    ) -> Option<Facts<'a>> {
        let rules = self.policies.iter().filter_map(|one| one.matches(self.direction)).flatten();
        let peers = || {
            rules.clone().flat_map(|rule| match &rule.peers {
                Peers::Anyone => &[][..],
                Peers::Some(peers) => peers,
            })
        };
        let addresses = match known {
            Known::Absent => Vec::new(),
            Known::At(at) => vec![Some(*at)],
            Known::Within(ranges, is_certain) => {
                let blocks = peers().filter_map(|peer| match peer {
                    Peer::Addresses(block) => Some(block),
                    _ => None,
                });
                let mut found = representatives(ranges, blocks, family)?;
                if !*is_certain || found.is_empty() {
                    found.push(None);
                }
                found
            }
        };
        let mut node_selectors: Vec<&Selector> = peers()
            .filter_map(|peer| match peer {
                Peer::Nodes(selector) => Some(selector),
                _ => None,
            })
            .collect();
        node_selectors.sort_unstable();
        node_selectors.dedup();
        let nodes = match (&other.node, node_selectors.as_slice()) {
            (_, []) | (NodeFact::None, _) => vec![vec![false; node_selectors.len()]],
            (NodeFact::Labels(labels), selectors) => {
                let matches = selectors.iter().map(|one| one.matches(|key| labels.get(key)));
                vec![matches.collect()]
            }
            (NodeFact::Unknown { may_be_none }, selectors) => {
                let mut found = label_sets(selectors)?;
                if *may_be_none {
                    found.insert(vec![false; selectors.len()]);
                }
                found.into_iter().collect()
            }
        };
        let mut domain_names: Vec<&str> = peers()
            .filter_map(|peer| match peer {
                Peer::DomainNames(names) => Some(names),
                _ => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        domain_names.sort_unstable();
        domain_names.dedup();
        let domains = if other.is_outside {
            name_sets(&domain_names)?
        } else {
            vec![vec![false; domain_names.len()]]
        };
        let mut port_names = self.names_with_several_numbers(names_end);
        port_names.retain(|(protocol, name)| self.meant(*protocol, name, 0) == Meant::Either);
        let ports = every(port_names.len())?;
        let worlds = [addresses.len(), nodes.len(), domains.len(), ports.len()];
        let count = worlds.iter().try_fold(1_usize, |all, one| all.checked_mul(*one))?;
        (count <= limits::WORLDS).then_some(Facts {
            addresses,
            node_selectors,
            nodes,
            domain_names,
            domains,
            port_names,
            ports,
        })
    }
}

impl Facts<'_> {
    pub(super) fn node_matches(&self, selector: &Selector, world: u16) -> bool {
        let at = self.node_selectors.iter().position(|own| *own == selector);
        let set = self.nodes.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }

    pub(super) fn stands_for(&self, name: &str, world: u16) -> bool {
        let at = self.domain_names.iter().position(|own| *own == name);
        let set = self.domains.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }

    pub(super) fn port_name_holds(&self, protocol: Protocol, name: &str, world: u16) -> bool {
        let at = self.port_names.iter().position(|own| *own == (protocol, name));
        let set = self.ports.get(usize::from(world));
        at.zip(set).and_then(|(at, set)| set.get(at)).copied().unwrap_or(false)
    }
}

/// An address for each way in which blocks may cover one of some ranges.
fn representatives<'a>(
    ranges: &IntervalSet<u128>,
    blocks: impl Iterator<Item = &'a AddressSet>,
    family: Family,
) -> Option<Vec<Option<u128>>> {
    let mut parts = vec![ranges.clone()];
    for block in blocks {
        let own = block.ranges().filter(|(first, _)| Family::of(*first) == family);
        let own = IntervalSet::from_ranges(own.map(|(first, last)| (number(first), number(last))));
        let halves = parts.iter().flat_map(|part| [part.intersection(&own), part.difference(&own)]);
        parts = halves.filter(|part| !part.is_empty()).collect();
        if parts.len() > limits::WORLDS {
            return None;
        }
    }
    let first = parts.iter().filter_map(|part| part.ranges().first());
    Some(first.map(|(first, _)| Some(*first)).collect())
}

/// Which of some selectors may match the labels of one node at the same time.
fn label_sets(selectors: &[&Selector]) -> Option<BTreeSet<Vec<bool>>> {
    let mut values: BTreeMap<&str, BTreeSet<Option<String>>> = BTreeMap::new();
    for requirement in selectors.iter().flat_map(|selector| selector.requirements()) {
        let own = values.entry(&requirement.key).or_default();
        own.insert(None);
        let named = match &requirement.condition {
            Condition::In(named) | Condition::NotIn(named) => &named[..],
            Condition::Exists | Condition::DoesNotExist => &[],
        };
        // One that no rule names: longer than all that are named.
        let longest = named.iter().map(String::len).max().unwrap_or(0);
        own.extend(named.iter().cloned().map(Some));
        own.insert(Some("x".repeat(longest + 1)));
    }
    let mut sets: Vec<BTreeMap<&str, &str>> = vec![Default::default()];
    for (key, values) in &values {
        let mut more = Vec::new();
        for set in &sets {
            for value in values {
                let mut set = set.clone();
                if let Some(value) = value {
                    set.insert(*key, value);
                }
                more.push(set);
            }
        }
        if more.len() > limits::NODE_LABEL_SETS {
            return None;
        }
        sets = more;
    }
    let matches = |set: &BTreeMap<&str, &str>| {
        let one = |selector: &&Selector| selector.matches(|key| set.get(key).copied());
        selectors.iter().map(one).collect()
    };
    Some(sets.iter().map(matches).collect())
}

/// Which of some domain names may stand for one address at the same time: any, but where a name
/// does, so does a pattern that matches it.
fn name_sets(names: &[&str]) -> Option<Vec<Vec<bool>>> {
    let is_closed = |set: &Vec<bool>| {
        names.iter().zip(set).all(|(pattern, holds)| {
            let Some(parent) = pattern.strip_prefix('*').filter(|_| !holds) else { return true };
            let mut others = names.iter().zip(set).filter(|(_, holds)| **holds);
            !others.any(|(name, _)| name != pattern && name.ends_with(parent))
        })
    };
    Some(every(names.len())?.into_iter().filter(is_closed).collect())
}

/// Every way in which so many things may hold or not; none if there are too many.
fn every(count: usize) -> Option<Vec<Vec<bool>>> {
    if count > 10 {
        return None;
    }
    let mut sets = vec![Vec::new()];
    for _ in 0..count {
        sets = sets
            .into_iter()
            .flat_map(|set: Vec<bool>| {
                [false, true].map(|holds| set.iter().copied().chain([holds]).collect())
            })
            .collect();
    }
    Some(sets)
}
