//! Readings: every open clause and missing fact settled, once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{End, Profile, World};
use crate::rules::within;

/// One way to settle everything that is open for a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// C13
    pub(crate) host_is_node: bool,
    /// C14, egress
    pub(crate) own_node_is_exempt: bool,
    /// C15, through a Service
    pub(crate) itself_is_exempt: bool,
    /// C11: the number of each name and protocol that has two at the destination.
    pub(crate) numbers: BTreeMap<(String, String), u16>,
    /// C26: the addresses of the two ends where they are not known, IPv4 and IPv6; none is an
    /// address that no block covers.
    /// By role, for a workload to itself means two replicas.
    addresses: Vec<(Role, [Option<IpAddr>; 2])>,
}

/// Which end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Source,
    Destination,
}

impl Reading {
    pub(crate) fn address(&self, role: Role, family: u8) -> Option<IpAddr> {
        let own = self.addresses.iter().find(|(own, _)| *own == role)?;
        let [v4, v6] = own.1;
        if family == 4 { v4 } else { v6 }
    }

    /// The clause in which alone two readings differ, if it is one.
    pub(crate) fn only_difference(&self, other: &Reading) -> Option<&'static str> {
        let differs = [
            (self.host_is_node != other.host_is_node, "C13"),
            (self.own_node_is_exempt != other.own_node_is_exempt, "C14"),
            (self.itself_is_exempt != other.itself_is_exempt, "C15"),
            (self.numbers != other.numbers, "C11"),
            (self.addresses != other.addresses, "C26"),
        ];
        let mut found = differs.into_iter().filter(|(differs, _)| *differs);
        match (found.next(), found.next()) {
            (Some((_, clause)), None) => Some(clause),
            _ => None,
        }
    }
}

impl World {
    pub(crate) fn readings(&self, from: &End, to: &End) -> Vec<Reading> {
        let host: &[bool] = match self.profile {
            Profile::Spec => &[false, true],
            Profile::Cilium | Profile::Other => &[true],
        };
        let base = |host_is_node: &bool| Reading {
            host_is_node: *host_is_node,
            own_node_is_exempt: false,
            itself_is_exempt: false,
            numbers: BTreeMap::new(),
            addresses: Vec::new(),
        };
        let mut readings: Vec<Reading> = host.iter().map(base).collect();
        readings = readings
            .into_iter()
            .flat_map(|one| {
                let exempt = Reading { own_node_is_exempt: true, ..one.clone() };
                [one, exempt]
            })
            .collect();
        if let Some(pod) = self.pod(to) {
            let mut numbers: BTreeMap<(String, String), Vec<u16>> = BTreeMap::new();
            for (name, protocol, number) in pod.ports.iter().filter(|(name, ..)| !name.is_empty()) {
                let own = numbers.entry((name.clone(), protocol.clone())).or_default();
                if !own.contains(number) {
                    own.push(*number);
                }
            }
            for (name, numbers) in numbers.into_iter().filter(|(_, numbers)| numbers.len() > 1) {
                readings = readings
                    .iter()
                    .flat_map(|one| {
                        numbers.iter().map(|number| {
                            let mut one = one.clone();
                            one.numbers.insert(name.clone(), *number);
                            one
                        })
                    })
                    .collect();
            }
        }
        for (role, end) in [(Role::Source, from), (Role::Destination, to)] {
            let Some((is_pod_range, true)) = self.unknown(end) else { continue };
            let [v4, v6] = [4, 6].map(|family| self.candidates(family, is_pod_range));
            readings = readings
                .iter()
                .flat_map(|one| {
                    v4.iter()
                        .flat_map(|a| v6.iter().map(|b| [*a, *b]))
                        .map(|addresses| {
                            let mut one = one.clone();
                            one.addresses.push((role, addresses));
                            one
                        })
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        readings
    }

    /// Whether an end is in the range of pods, and whether its address is not known.
    fn unknown(&self, end: &End) -> Option<(bool, bool)> {
        match end {
            End::Pod(_) => {
                let pod = self.pod(end)?;
                Some((!pod.host_network, pod.is_unknown()))
            }
            End::Node(name) => Some((false, self.nodes.get(name).is_none_or(Vec::is_empty))),
            End::Address(_) => None,
        }
    }

    /// An address of each kind that an end with an unknown one may have; none for one that no
    /// block covers.
    fn candidates(&self, family: u8, is_pod_range: bool) -> Vec<Option<IpAddr>> {
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
        for start in self.starts(is_v4) {
            if ranges.is_empty() || ranges.iter().any(|range| within(start, range)) {
                found.push(Some(start));
            }
        }
        found
    }

    /// The first address of every block, the one behind its last, and the first of all.
    fn starts(&self, is_v4: bool) -> Vec<IpAddr> {
        let mut blocks: Vec<String> = self.pod_cidrs.clone();
        for policy in &self.policies {
            collect_cidrs(&policy.spec, &mut blocks);
        }
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
}

fn collect_cidrs(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.contains('/') => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_cidrs(item, into)),
        serde_json::Value::Object(map) => map.values().for_each(|item| collect_cidrs(item, into)),
        _ => {}
    }
}
