//! Everyone in a cluster in one order, by which rules count: namespace, name, kind.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cluster::{
    Address, Cluster, Endpoint, EndpointId, NamespaceId, Selector, address, last_address, number,
};
use crate::compile::{ClassId, CompiledPolicy, FAMILIES};
use crate::manifest::document::{PolicyPort, PortRef, RulePeer};
use crate::map::Map;
use crate::netset::{AddressSet, Family, IntervalSet, Members, PortSet, Traffic};
use crate::query::named_ports;

use super::ends::Ends;

/// The pods and workloads of a cluster by rank: sets of them are sets of ranks, so the first of a
/// set is the first by namespace, name and kind.
pub(crate) struct Roster<'p> {
    pub(crate) policy: &'p CompiledPolicy,
    by_rank: Vec<EndpointId>,
    class_of: Vec<ClassId>,
    of_class: Vec<Members>,
    in_namespace: BTreeMap<NamespaceId, Members>,
    /// Those that selectors of rules may match: off the host's network.
    everyone: Members,
    /// The addresses of pods, nodes and Services, by number.
    taken: [IntervalSet<u128>; 2],
}

impl<'p> Roster<'p> {
    pub(crate) fn new(policy: &'p CompiledPolicy) -> Roster<'p> {
        let cluster = policy.cluster();
        let mut namespaces: Vec<(NamespaceId, &str)> =
            cluster.namespaces().map(|(id, own)| (id, own.name.as_str())).collect();
        namespaces.sort_unstable_by_key(|(_, name)| *name);
        let mut order = vec![0_u32; namespaces.len()];
        for (at, (id, _)) in (0..).zip(&namespaces) {
            if let Some(own) = order.get_mut(id.0 as usize) {
                *own = at;
            }
        }
        // `endpoints` is by name and kind within a namespace.
        let mut all: Vec<(u32, EndpointId, &Endpoint)> = cluster
            .endpoints()
            .map(|(id, own)| {
                let namespace = order.get(own.namespace.0 as usize).copied().unwrap_or(0);
                (namespace, id, own)
            })
            .collect();
        all.sort_by_key(|(namespace, ..)| *namespace);
        let mut roster = Roster {
            policy,
            by_rank: Vec::with_capacity(all.len()),
            class_of: Vec::with_capacity(all.len()),
            of_class: Vec::new(),
            in_namespace: BTreeMap::new(),
            everyone: Members::empty(),
            taken: [IntervalSet::empty(), IntervalSet::empty()],
        };
        let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); policy.classes().len()];
        let mut in_namespace: BTreeMap<NamespaceId, Vec<u32>> = BTreeMap::new();
        for (_, id, endpoint) in all {
            let Some(class) = policy.class_of(id) else { continue };
            let rank = u32::try_from(roster.by_rank.len()).unwrap_or(u32::MAX);
            roster.by_rank.push(id);
            roster.class_of.push(class);
            if let Some(own) = of_class.get_mut(class.0 as usize) {
                own.push(rank);
            }
            if !endpoint.host_network {
                in_namespace.entry(endpoint.namespace).or_default().push(rank);
            }
        }
        roster.of_class = of_class.into_iter().map(Members::from_iter).collect();
        roster.in_namespace = in_namespace
            .into_iter()
            .map(|(namespace, ranks)| (namespace, Members::from_iter(ranks)))
            .collect();
        roster.everyone = Members::union_all(roster.in_namespace.values());
        roster.taken = taken(cluster);
        roster
    }

    /// Who has a rank.
    pub(crate) fn endpoint(&self, rank: u32) -> Option<(EndpointId, &'p Endpoint)> {
        let id = *self.by_rank.get(rank as usize)?;
        Some((id, self.policy.cluster().endpoint(id)?))
    }

    /// Whether a rank is one pod, which has nothing to say to itself.
    pub(crate) fn is_pod(&self, rank: u32) -> bool {
        self.endpoint(rank).is_some_and(|(_, endpoint)| endpoint.is_pod())
    }

    /// The class of a rank.
    pub(crate) fn class_of(&self, rank: u32) -> Option<ClassId> {
        self.class_of.get(rank as usize).copied()
    }

    /// The classes of some.
    pub(crate) fn classes(&self, ranks: &Members) -> Members {
        ranks.iter().filter_map(|rank| self.class_of(rank)).map(|class| class.0).collect()
    }

    /// The ranks of classes.
    pub(crate) fn ranks(&self, classes: &Members) -> Members {
        Members::union_all(classes.iter().filter_map(|class| self.of_class.get(class as usize)))
    }

    /// Those of a namespace, off the host's network.
    pub(crate) fn in_namespace(&self, id: NamespaceId) -> Option<&Members> {
        self.in_namespace.get(&id)
    }

    /// The first address of a range that is nobody's.
    pub(crate) fn first_free(&self, first: IpAddr, last: IpAddr) -> Option<IpAddr> {
        let family = Family::of(first);
        let [v4, v6] = &self.taken;
        let taken = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let (at, last) = (number(first), number(last));
        let ranges = taken.ranges();
        let covering = ranges.partition_point(|(_, end)| *end < at);
        let free = match ranges.get(covering) {
            Some((start, end)) if *start <= at => end.checked_add(1)?,
            _ => at,
        };
        (free <= last && free <= last_address(family)).then(|| address(family, free))
    }

    /// Whom a list of peers means.
    pub(crate) fn ends(&self, peers: &[RulePeer]) -> Ends {
        peers.iter().fold(Ends::default(), |all, peer| all.union(&self.peer(peer)))
    }

    fn peer(&self, peer: &RulePeer) -> Ends {
        match peer {
            RulePeer::Pods { namespaces, pods } => Ends {
                pods: self.selected(&Selector::new(namespaces), &Selector::new(pods)),
                ..Ends::default()
            },
            RulePeer::IpBlock { cidr, except } => {
                let but = AddressSet::from_cidrs(except.iter().copied());
                self.block(&AddressSet::from(*cidr).difference(&but))
            }
            RulePeer::Outside => {
                let all = FAMILIES.map(AddressSet::of_family);
                let addresses = all.iter().fold(AddressSet::empty(), |all, one| all.union(one));
                Ends { addresses, ..Ends::default() }
            }
        }
    }

    /// The pods of namespaces with such labels that have such labels themselves.
    pub(crate) fn selected(&self, namespaces: &Selector, pods: &Selector) -> Members {
        let cluster = self.policy.cluster();
        let there = self.in_namespace.iter().filter(|(id, _)| {
            let namespace = cluster.namespace(**id);
            namespace.is_some_and(|own| namespaces.matches(|key| own.labels.get(key)))
        });
        let there = Members::union_all(there.map(|(_, ranks)| ranks));
        if pods.is_empty() {
            return there;
        }
        let symbols = cluster.symbols();
        let matches = |rank: &u32| {
            self.endpoint(*rank).is_some_and(|(_, endpoint)| {
                let label = |key: &str| Some(symbols.text(endpoint.label(symbols.get(key)?)?));
                pods.matches(label)
            })
        };
        there.iter().filter(matches).collect()
    }

    /// Whom a set of addresses covers: pods whose address is in it for certain, nodes, and the
    /// rest of it.
    fn block(&self, block: &AddressSet) -> Ends {
        let cluster = self.policy.cluster();
        let certain = FAMILIES.map(|family| {
            let (ranges, is_certain) = cluster.pod_ranges().of_family(family);
            is_certain && ranges.is_subset(&of_family(block, family))
        });
        let covers = |endpoint: &Endpoint| {
            FAMILIES.into_iter().zip(certain).any(|(family, certain)| {
                match endpoint.address(family) {
                    Address::Known(ip) => block.contains(ip),
                    Address::Unknown => certain,
                    Address::Absent => false,
                }
            })
        };
        let covered = self
            .everyone
            .iter()
            .filter(|rank| self.endpoint(*rank).is_some_and(|(_, endpoint)| covers(endpoint)));
        let pods = covered.collect();
        let nodes = cluster.nodes().filter(|(_, node)| {
            FAMILIES.into_iter().any(|family| {
                let own = node.addresses.iter().find(|ip| Family::of(**ip) == family);
                own.is_some_and(|ip| block.contains(*ip))
            })
        });
        let nodes = nodes.map(|(name, _)| name.to_owned()).collect();
        let free = block.ranges().filter(|(first, last)| self.first_free(*first, *last).is_some());
        let addresses = free.fold(AddressSet::empty(), |all, (first, last)| {
            all.union(&AddressSet::from_range(first, last))
        });
        Ends { pods, nodes, addresses }
    }

    /// Some ends by the traffic that ports mean there: names stand for each pod's own numbers, all
    /// of them where there are several, and for nothing where there is no pod.
    pub(crate) fn by_ports(&self, to: &Ends, ports: Option<&[PolicyPort]>) -> Vec<(Ends, Traffic)> {
        let Some(ports) = ports else { return vec![(to.clone(), Traffic::all())] };
        let mut fixed = Traffic::empty();
        let mut names: Vec<(crate::netset::Protocol, &str)> = Vec::new();
        for one in ports {
            let ports = match &one.port {
                None => PortSet::all(),
                Some(PortRef::Number(first)) => {
                    PortSet::range(*first, one.end_port.unwrap_or(*first))
                }
                Some(PortRef::Name(name)) => {
                    names.push((one.protocol, name));
                    PortSet::empty()
                }
            };
            fixed = fixed.union(&Traffic::of(one.protocol, ports));
        }
        if names.is_empty() {
            return vec![(to.clone(), fixed)];
        }
        let mut parts: Map<Traffic, usize> = Map::default();
        let mut found: Vec<(Vec<u32>, Traffic)> = Vec::new();
        for rank in to.pods.iter() {
            let Some((id, _)) = self.endpoint(rank) else { continue };
            let traffic = names.iter().fold(fixed.clone(), |all, (protocol, name)| {
                let numbers = named_ports(self.policy.cluster(), id, *protocol, name);
                numbers.iter().fold(all, |all, number| {
                    all.union(&Traffic::of(*protocol, PortSet::single(*number)))
                })
            });
            let at = *parts.entry(traffic.clone()).or_insert_with(|| {
                found.push((Vec::new(), traffic));
                found.len() - 1
            });
            if let Some((ranks, _)) = found.get_mut(at) {
                ranks.push(rank);
            }
        }
        let rest = Ends { pods: Members::empty(), ..to.clone() };
        let with_pods = found.into_iter().map(|(ranks, traffic)| {
            (Ends { pods: Members::from_iter(ranks), ..Ends::default() }, traffic)
        });
        std::iter::once((rest, fixed))
            .chain(with_pods)
            .filter(|(ends, traffic)| !ends.is_empty() && !traffic.is_empty())
            .collect()
    }
}

/// The addresses of pods, nodes and Services, IPv4 first.
fn taken(cluster: &Cluster) -> [IntervalSet<u128>; 2] {
    let pods = cluster.endpoints().flat_map(|(_, endpoint)| endpoint.addresses);
    let pods = pods.filter_map(|address| match address {
        Address::Known(ip) => Some(ip),
        Address::Absent | Address::Unknown => None,
    });
    let nodes = cluster.nodes().flat_map(|(_, node)| node.addresses.iter().copied());
    let all: Vec<IpAddr> = pods.chain(nodes).chain(cluster.service_addresses()).collect();
    FAMILIES.map(|family| {
        let own = all.iter().filter(|ip| Family::of(**ip) == family);
        IntervalSet::from_ranges(own.map(|ip| (number(*ip), number(*ip))))
    })
}

/// The addresses of a family, by number.
fn of_family(block: &AddressSet, family: Family) -> IntervalSet<u128> {
    let own = block.ranges().filter(|(first, _)| Family::of(*first) == family);
    IntervalSet::from_ranges(own.map(|(first, last)| (number(first), number(last))))
}
