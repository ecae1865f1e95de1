//! Readings: every open clause and missing fact settled, once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::{End, Profile, World};
use crate::rules::{items, selects, within};
use crate::tiers::Peer;

/// The labels of a node.
type Labels = BTreeMap<String, String>;

/// One way to settle everything that is open for a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// C13
    pub(crate) host_is_node: bool,
    /// C14, egress
    pub(crate) own_node_is_exempt: bool,
    /// C16
    pub(crate) baseline_is_per_pod: bool,
    /// C11: the number of each name and protocol that has two at the destination.
    pub(crate) numbers: BTreeMap<(String, String), u16>,
    /// C26: the addresses of the two ends where they are not known; none is an address that no
    /// block covers. By role, for a workload to itself means two replicas.
    addresses: Vec<(Role, u8, Option<IpAddr>)>,
    /// C29: the labels of the node that the destination is, where that is not known, or none if it
    /// is no node.
    pub(crate) node: Option<Labels>,
    /// C29: the names that the destination's address stands for.
    pub(crate) names: BTreeSet<String>,
}

/// Which end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Source,
    Destination,
}

/// One open thing settled.
#[derive(Clone, Debug)]
enum Settled {
    HostIsNode(bool),
    OwnNodeIsExempt(bool),
    BaselineIsPerPod(bool),
    Number(String, String, u16),
    Address(Role, u8, Option<IpAddr>),
    Node(Option<Labels>),
    Names(BTreeSet<String>),
}

/// What is open: things, each with a clause and the ways in which it may be, at least one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open {
    things: Vec<(&'static str, Vec<Settled>)>,
}

impl Open {
    /// How many readings there are.
    pub(crate) fn count(&self) -> usize {
        let count = self.things.iter().map(|(_, ways)| ways.len()).product();
        assert!(count < 100_000, "more readings than a slow oracle can take: {self:?}");
        count
    }

    /// The reading of a number.
    pub(crate) fn reading(&self, number: usize) -> Reading {
        let mut reading = Reading::default();
        let mut rest = number;
        for (_, ways) in &self.things {
            match &ways[rest % ways.len()] {
                Settled::HostIsNode(is) => reading.host_is_node = *is,
                Settled::OwnNodeIsExempt(is) => reading.own_node_is_exempt = *is,
                Settled::BaselineIsPerPod(is) => reading.baseline_is_per_pod = *is,
                Settled::Number(name, protocol, number) => {
                    reading.numbers.insert((name.clone(), protocol.clone()), *number);
                }
                Settled::Address(role, family, ip) => reading.addresses.push((*role, *family, *ip)),
                Settled::Node(labels) => reading.node = labels.clone(),
                Settled::Names(names) => reading.names = names.clone(),
            }
            rest /= ways.len();
        }
        reading
    }

    /// For each open thing, its clause and the reading that settles it in the first way, and all
    /// else as a reading does.
    pub(crate) fn but_for_one(&self, number: usize) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        let mut step = 1;
        for (clause, ways) in &self.things {
            let way = number / step % ways.len();
            found.push((*clause, number - way * step));
            step *= ways.len();
        }
        found
    }

    fn add(&mut self, clause: &'static str, ways: impl IntoIterator<Item = Settled>) {
        self.things.push((clause, ways.into_iter().collect()));
    }
}

impl Reading {
    pub(crate) fn address(&self, role: Role, family: u8) -> Option<IpAddr> {
        let mut own = self.addresses.iter().filter(|(own, of, _)| *own == role && *of == family);
        own.next()?.2
    }
}

impl World {
    /// What is open for a flow.
    pub(crate) fn open(&self, from: &End, to: &End, protocol: &str, port: u16) -> Open {
        let mut open = Open::default();
        let is_host = |end| self.pod(end).is_some_and(|pod| pod.host_network);
        match self.profile {
            Profile::Spec if is_host(from) || is_host(to) => {
                open.add("C13", [Settled::HostIsNode(false), Settled::HostIsNode(true)]);
            }
            _ => open.add("C13", [Settled::HostIsNode(true)]),
        }
        if is_host(to) || matches!(to, End::Node(_)) {
            open.add("C14", [Settled::OwnNodeIsExempt(false), Settled::OwnNodeIsExempt(true)]);
        }
        if self.admin_policies.iter().any(|policy| policy.tier == "Baseline") {
            open.add(
                "C16",
                match self.profile {
                    Profile::Spec | Profile::Calico | Profile::Cilium => {
                        vec![Settled::BaselineIsPerPod(false), Settled::BaselineIsPerPod(true)]
                    }
                    Profile::Antrea | Profile::OvnKubernetes => {
                        vec![Settled::BaselineIsPerPod(false)]
                    }
                    Profile::KubeNetworkPolicies => vec![Settled::BaselineIsPerPod(true)],
                },
            );
        }
        self.open_numbers(to, protocol, port, &mut open);
        for (role, end) in [(Role::Source, from), (Role::Destination, to)] {
            let Some((is_pod_range, true)) = self.unknown(end) else { continue };
            for family in [4, 6] {
                let addresses = self.candidates(role, family, is_pod_range).into_iter();
                open.add("C26", addresses.map(|ip| Settled::Address(role, family, ip)));
            }
        }
        self.open_node(to, &mut open);
        if let End::Address(ip) = to
            && self.node_at(*ip).is_none()
        {
            open.add("C29", self.name_sets().into_iter().map(Settled::Names));
        }
        open
    }

    /// Names with two numbers; what they stand for is asked of names with the port only.
    fn open_numbers(&self, to: &End, protocol: &str, port: u16, open: &mut Open) {
        let Some(pod) = self.pod(to) else { return };
        let mut numbers: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for (name, own, number) in &pod.ports {
            if !name.is_empty() && own == protocol {
                let own = numbers.entry(name).or_default();
                if !own.contains(number) {
                    own.push(*number);
                }
            }
        }
        for (name, numbers) in numbers {
            if numbers.len() > 1 && numbers.contains(&port) {
                let settled =
                    |number| Settled::Number(name.to_owned(), protocol.to_owned(), number);
                open.add("C11", numbers.into_iter().map(settled));
            }
        }
    }

    /// The node that the destination is, where that was not read: a pod on the host's network is
    /// on some node, an address may be one.
    fn open_node(&self, to: &End, open: &mut Open) {
        let may_be_none = match to {
            End::Pod(_) => {
                let Some(pod) = self.pod(to).filter(|pod| pod.host_network) else { return };
                if pod.node.as_ref().is_some_and(|node| self.nodes.contains_key(node)) {
                    return;
                }
                false
            }
            End::Node(_) => return,
            End::Address(_) if self.nodes.is_empty() => true,
            End::Address(_) => return,
        };
        let none = may_be_none.then_some(Settled::Node(None));
        let some = self.label_sets().into_iter().map(|labels| Settled::Node(Some(labels)));
        open.add("C29", none.into_iter().chain(some));
    }

    /// Whether an end is in the range of pods, and whether its address is not known.
    fn unknown(&self, end: &End) -> Option<(bool, bool)> {
        match end {
            End::Pod(_) => {
                let pod = self.pod(end)?;
                Some((!pod.host_network, pod.is_unknown()))
            }
            End::Node(name) => {
                Some((false, self.nodes.get(name).is_none_or(|node| node.addresses.is_empty())))
            }
            End::Address(_) => None,
        }
    }

    /// An address of each kind that an end with an unknown one may have; none for one that no
    /// block covers.
    fn candidates(&self, role: Role, family: u8, is_pod_range: bool) -> Vec<Option<IpAddr>> {
        let is_v4 = family == 4;
        let of_family = |cidr: &&String| cidr.contains('.') == is_v4;
        let ranges: Vec<&String> =
            self.pod_cidrs.iter().filter(of_family).filter(|_| is_pod_range).collect();
        // IPv4 is assumed of a pod, unless only IPv6 ranges are known.
        let assumed = is_pod_range && is_v4 && self.pod_cidrs.is_empty();
        let mut found: Vec<Option<IpAddr>> = Vec::new();
        if ranges.is_empty() && !assumed {
            found.push(None);
        }
        // Addresses that the same blocks cover are one.
        let blocks = self.blocks(role);
        let mut kinds: BTreeSet<Vec<bool>> = BTreeSet::new();
        for start in starts(&blocks, is_v4) {
            let kind = blocks.iter().map(|block| within(start, block)).collect();
            if (ranges.is_empty() || ranges.iter().any(|range| within(start, range)))
                && kinds.insert(kind)
            {
                found.push(Some(start));
            }
        }
        found
    }

    /// Every block that pods may be in or that a rule for ends of a role names: the rules of the
    /// destination look at the source, those of the source at the destination.
    fn blocks(&self, role: Role) -> Vec<String> {
        let mut blocks: Vec<String> = self.pod_cidrs.clone();
        for policy in &self.policies {
            match role {
                Role::Source => collect_cidrs(&policy.spec["ingress"], &mut blocks),
                Role::Destination => collect_cidrs(&policy.spec["egress"], &mut blocks),
            }
        }
        for peer in self.admin_peers().filter(|_| role == Role::Destination) {
            if let Peer::Networks(networks) = peer {
                blocks.extend(networks.iter().cloned());
            }
        }
        blocks.sort();
        blocks.dedup();
        blocks
    }

    /// Every peer of administrators' egress rules.
    fn admin_peers(&self) -> impl Iterator<Item = &Peer> {
        let rules = self.admin_policies.iter().flat_map(|policy| &policy.egress);
        rules.filter_map(|rule| rule.peers.as_ref()).flatten()
    }

    /// Labels of each kind that a node may have: of every key that a selector of nodes names, every
    /// value that it names, another one, or none. Labels that the same selectors take are one.
    fn label_sets(&self) -> Vec<Labels> {
        let selectors: Vec<&Value> = self
            .admin_peers()
            .filter_map(|peer| match peer {
                Peer::Nodes(selector) => Some(selector),
                _ => None,
            })
            .collect();
        let mut values: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
        for selector in &selectors {
            for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
                let own = values.entry(key).or_default();
                own.extend([None, Some("another"), value.as_str()]);
            }
            for own in items(&selector["matchExpressions"]) {
                let key = own["key"].as_str().unwrap_or("");
                let known = values.entry(key).or_default();
                known.extend([None, Some("another")]);
                known.extend(items(&own["values"]).iter().map(Value::as_str));
            }
        }
        let mut sets = vec![Labels::new()];
        for (key, values) in values {
            let mut more = Vec::new();
            for set in &sets {
                for value in &values {
                    let mut set = set.clone();
                    if let Some(value) = value {
                        set.insert(key.to_owned(), (*value).to_owned());
                    }
                    more.push(set);
                }
            }
            sets = more;
        }
        let mut kinds: BTreeSet<Vec<bool>> = BTreeSet::new();
        sets.retain(|set| {
            kinds.insert(selectors.iter().map(|selector| selects(selector, set)).collect())
        });
        sets
    }

    /// Sets of the names that rules name, for which one address may stand: with a name goes every
    /// pattern above it.
    fn name_sets(&self) -> Vec<BTreeSet<String>> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for peer in self.admin_peers() {
            if let Peer::Names(own) = peer {
                names.extend(own.iter().cloned());
            }
        }
        let mut sets = vec![BTreeSet::new()];
        for name in &names {
            let with = sets.iter().map(|set: &BTreeSet<String>| {
                let mut set = set.clone();
                set.insert(name.clone());
                set
            });
            let with: Vec<BTreeSet<String>> = with.collect();
            sets.extend(with);
        }
        sets.retain(|set| {
            set.iter().all(|name| {
                let mut above = names.iter().filter(|pattern| {
                    let parent = pattern.strip_prefix('*');
                    pattern != &name && parent.is_some_and(|parent| name.ends_with(parent))
                });
                above.all(|pattern| set.contains(pattern))
            })
        });
        sets
    }
}

/// The first address of every block, the one behind its last, and the first of all.
fn starts(blocks: &[String], is_v4: bool) -> Vec<IpAddr> {
    let mut starts: Vec<IpAddr> =
        vec![if is_v4 { IpAddr::V4([0, 0, 0, 0].into()) } else { IpAddr::V6(0_u128.into()) }];
    for block in blocks {
        let Some((base, length)) = block.split_once('/') else { continue };
        let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
            continue;
        };
        match base {
            IpAddr::V4(base) if is_v4 => {
                starts.push(base.into());
                let after = u64::from(base.to_bits()) + (1_u64 << (32 - length));
                starts.extend(u32::try_from(after).map(|after| IpAddr::V4(after.into())));
            }
            IpAddr::V6(base) if !is_v4 => {
                starts.push(base.into());
                let size = 1_u128.checked_shl(128 - length).unwrap_or(0);
                let after = base.to_bits().checked_add(size).filter(|_| size > 0);
                starts.extend(after.map(|after| IpAddr::V6(after.into())));
            }
            _ => {}
        }
    }
    starts.sort();
    starts.dedup();
    starts
}

fn collect_cidrs(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains('/') => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_cidrs(item, into)),
        Value::Object(map) => map.values().for_each(|item| collect_cidrs(item, into)),
        _ => {}
    }
}
