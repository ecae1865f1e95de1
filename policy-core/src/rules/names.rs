//! Ends by the names that people know: a workload where all of its pods are meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ends::{Area, Ends};
use super::roster::Roster;
use crate::map::Map;
use crate::netset::{Members, Traffic};

/// What breaks a rule: every flow from each of some to each of some on this traffic.
///
/// A pod to itself, and a pod and its own node, are not meant. An address of a pod or node that was
/// read is that pod or node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowBlock {
    /// The sources.
    pub from: NamedEnds,
    /// The destinations.
    pub to: NamedEnds,
    /// What of it is allowed.
    pub allowed: Traffic,
    /// What of it depends.
    pub depends: Traffic,
    /// What of it is denied.
    pub denied: Traffic,
}

/// Some ends of flows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedEnds {
    /// Workloads and pods as `NAMESPACE/NAME`, nodes as `node/NAME`; by name.
    pub names: Vec<String>,
    /// Ranges of addresses outside.
    pub addresses: Vec<(IpAddr, IpAddr)>,
    /// The namespaces of the workloads and pods.
    pub namespaces: BTreeSet<String>,
}

/// The workloads of a cluster.
pub(crate) struct Workloads {
    /// By name, with the ranks of its pods.
    list: Vec<(String, Members)>,
    of_rank: Vec<usize>,
}

impl Workloads {
    pub(crate) fn new(roster: &Roster<'_>) -> Workloads {
        let cluster = roster.policy.cluster();
        let mut groups: BTreeMap<(String, String, String), Vec<u32>> = BTreeMap::new();
        let mut rank = 0;
        while let Some((_, endpoint)) = roster.endpoint(rank) {
            let namespace = cluster.namespace(endpoint.namespace);
            let namespace = namespace.map_or_else(String::new, |own| own.name.clone());
            let (kind, name) = match &endpoint.workload {
                Some(workload) => (workload.kind.clone(), workload.name.clone()),
                None => (endpoint.kind.name().to_owned(), endpoint.name.to_string()),
            };
            groups.entry((namespace, name, kind)).or_default().push(rank);
            rank += 1;
        }
        let mut named: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (namespace, name, _) in groups.keys() {
            *named.entry((namespace, name)).or_default() += 1;
        }
        let mut list = Vec::with_capacity(groups.len());
        let mut of_rank = vec![0; rank as usize];
        for (at, ((namespace, name, kind), ranks)) in groups.iter().enumerate() {
            let shared = named.get(&(namespace.as_str(), name.as_str())).is_some_and(|n| *n > 1);
            let display = if shared {
                format!("{}/{namespace}/{name}", kind.to_ascii_lowercase())
            } else {
                format!("{namespace}/{name}")
            };
            for rank in ranks {
                if let Some(own) = of_rank.get_mut(*rank as usize) {
                    *own = at;
                }
            }
            list.push((display, ranks.iter().copied().collect()));
        }
        Workloads { list, of_rank }
    }

    /// The workload of a rank: its number.
    pub(crate) fn of(&self, rank: u32) -> Option<usize> {
        self.of_rank.get(rank as usize).copied()
    }

    /// Names of some pods: of their workloads where those are whole.
    fn names(&self, roster: &Roster<'_>, pods: &Members) -> Vec<String> {
        let mut workloads: Vec<usize> = pods.iter().filter_map(|rank| self.of(rank)).collect();
        workloads.sort_unstable();
        let mut names = Vec::new();
        for same in workloads.chunk_by(|one, other| one == other) {
            let Some((name, all)) = same.first().and_then(|at| self.list.get(*at)) else {
                continue;
            };
            if all.len() == same.len() {
                names.push(name.clone());
                continue;
            }
            let some = all.intersection(pods);
            let ids = some.iter().filter_map(|rank| roster.endpoint(rank));
            names.extend(ids.map(|(id, _)| roster.policy.cluster().display(id)));
        }
        names
    }
}

/// Some ends by name.
pub(crate) fn named(roster: &Roster<'_>, workloads: &Workloads, ends: &Ends) -> NamedEnds {
    let cluster = roster.policy.cluster();
    let mut names = workloads.names(roster, &ends.pods);
    names.extend(ends.nodes.iter().map(|name| format!("node/{name}")));
    let mut ids: Vec<_> = ends
        .pods
        .iter()
        .filter_map(|rank| roster.endpoint(rank))
        .map(|(_, endpoint)| endpoint.namespace)
        .collect();
    ids.dedup();
    let namespaces = ids.into_iter().filter_map(|id| cluster.namespace(id));
    let namespaces = namespaces.map(|own| own.name.clone()).collect();
    NamedEnds { names, addresses: ends.addresses.ranges().collect(), namespaces }
}

/// Areas by names; the same ends, which many areas have, are named once.
pub(crate) fn blocks<'a>(
    roster: &Roster<'_>,
    workloads: &Workloads,
    areas: impl Iterator<Item = &'a Area>,
) -> Vec<FlowBlock> {
    let mut known: Map<&Ends, NamedEnds> = Map::default();
    areas
        .map(|area| {
            let mut name = |ends: &'a Ends| {
                known.entry(ends).or_insert_with(|| named(roster, workloads, ends)).clone()
            };
            let (from, to) = (name(&area.from), name(&area.to));
            block(area, from, to)
        })
        .collect()
}

fn block(area: &Area, from: NamedEnds, to: NamedEnds) -> FlowBlock {
    let allowed = area.traffic.intersection(&area.cell.allowed);
    let depends = area.traffic.intersection(&area.cell.depends);
    FlowBlock {
        from,
        to,
        denied: area.traffic.difference(&allowed).difference(&depends),
        allowed,
        depends,
    }
}
