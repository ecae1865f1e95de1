//! What of a judgement is new since another world: flows that broke the rule there, too, are not.

use std::collections::BTreeMap;

use super::ends::{Area, Ends, merge, subtract};
use super::roster::Roster;
use super::{Bench, Judgement, witness};
use crate::manifest::document::Kind;
use crate::netset::Members;

/// A pod or workload, whatever its number: kind, namespace and name.
type Name = (Kind, String, String);

impl Bench<'_> {
    /// What of a judgement here was not in a judgement of another world.
    ///
    /// Pods are the same by name, and those of a workload whose names are new stand for those that
    /// it had before.
    pub fn since(&self, here: &Judgement, before: &Bench<'_>, there: &Judgement) -> Judgement {
        if there.holds() {
            return here.clone();
        }
        let moved = Moved::new(before, self);
        let mut areas = here.areas.clone();
        for area in &there.areas {
            let (from, to) = (moved.ends(&area.from), moved.ends(&area.to));
            areas = subtract(areas, &from, &to, &area.traffic);
        }
        areas = merge(areas);
        areas.retain(|area: &Area| witness::has_pair(&self.roster, area));
        let open = here.open.iter().map(|(direction, pods)| {
            let known = there.open.iter().filter(|(own, _)| own == direction);
            let known = known.fold(Members::empty(), |all, (_, own)| all.union(&moved.pods(own)));
            (*direction, pods.difference(&known))
        });
        Judgement {
            areas,
            open: open.filter(|(_, pods)| !pods.is_empty()).collect(),
            empty: here.empty.iter().filter(|path| !there.empty.contains(path)).cloned().collect(),
            in_several: here
                .in_several
                .iter()
                .filter(|(name, groups)| there.in_several.get(*name) != Some(groups))
                .map(|(name, groups)| (name.clone(), groups.clone()))
                .collect(),
        }
    }
}

/// The ranks of one world in another.
struct Moved {
    /// By rank before: the ranks now.
    to: Vec<Members>,
}

impl Moved {
    fn new(before: &Bench<'_>, now: &Bench<'_>) -> Moved {
        let by_name: BTreeMap<Name, u32> =
            ranks(&now.roster).map(|(rank, name)| (name, rank)).collect();
        let names_before: BTreeMap<Name, u32> =
            ranks(&before.roster).map(|(rank, name)| (name, rank)).collect();
        // Pods of a workload that have no namesake before.
        let mut new_of: BTreeMap<(String, String, String), Vec<u32>> = BTreeMap::new();
        for (name, rank) in &by_name {
            if names_before.contains_key(name) {
                continue;
            }
            if let Some(workload) = workload(&now.roster, *rank) {
                new_of.entry(workload).or_default().push(*rank);
            }
        }
        let to = ranks(&before.roster).map(|(rank, name)| {
            if let Some(same) = by_name.get(&name) {
                return Members::single(*same);
            }
            let workload = workload(&before.roster, rank);
            let new = workload.and_then(|workload| new_of.get(&workload));
            new.into_iter().flatten().copied().collect()
        });
        Moved { to: to.collect() }
    }

    fn pods(&self, before: &Members) -> Members {
        Members::union_all(before.iter().filter_map(|rank| self.to.get(rank as usize)))
    }

    fn ends(&self, before: &Ends) -> Ends {
        Ends { pods: self.pods(&before.pods), ..before.clone() }
    }
}

/// Every rank with its name, in order.
fn ranks(roster: &Roster<'_>) -> impl Iterator<Item = (u32, Name)> {
    let cluster = roster.policy.cluster();
    (0..).map_while(|rank| {
        let (_, endpoint) = roster.endpoint(rank)?;
        let namespace = cluster.namespace(endpoint.namespace);
        let namespace = namespace.map_or_else(String::new, |own| own.name.clone());
        Some((rank, (endpoint.kind, namespace, endpoint.name.to_string())))
    })
}

/// The workload of a rank, itself if it is one: namespace, kind, name.
fn workload(roster: &Roster<'_>, rank: u32) -> Option<(String, String, String)> {
    let (_, endpoint) = roster.endpoint(rank)?;
    let namespace = roster.policy.cluster().namespace(endpoint.namespace)?.name.clone();
    let (kind, name) = match &endpoint.workload {
        Some(own) => (own.kind.clone(), own.name.clone()),
        None => (endpoint.kind.name().to_owned(), endpoint.name.to_string()),
    };
    Some((namespace, kind, name))
}
