//! What of a judgement is new since another world: flows that broke the rule there, too, are not.

use std::collections::{BTreeMap, BTreeSet};

use super::ends::{Area, Ends, merge, subtract};
use super::roster::Roster;
use super::{Bench, Judgement, witness};
use crate::map::Set;
use crate::netset::{Members, Traffic};

/// A pod or workload, whatever its number: namespace, name and kind.
type Name<'r> = (&'r str, &'r str, &'r str);

/// Two worlds, to tell what is new in one of them.
pub struct Since<'b, 'p> {
    now: &'b Bench<'p>,
    /// By rank before: the ranks now; none where nobody has another rank.
    to: Option<Vec<Members>>,
}

impl<'b, 'p> Since<'b, 'p> {
    /// What is new in a world, since another.
    ///
    /// Pods are the same by name, and those of a workload whose names are new stand for those that
    /// it had before.
    pub fn new(now: &'b Bench<'p>, before: &Bench<'_>) -> Since<'b, 'p> {
        let same = ranks(&now.roster)
            .map(|(_, name)| name)
            .eq(ranks(&before.roster).map(|(_, name)| name));
        Since { now, to: (!same).then(|| moved(before, now)) }
    }

    /// What of a judgement here was not in one of the world before.
    pub fn of(&self, here: &Judgement, there: &Judgement) -> Judgement {
        // Areas are disjoint: one that was there as it is here has nothing to do with the others.
        let known = there
            .areas
            .iter()
            .map(|area| (self.ends(&area.from), self.ends(&area.to), area.traffic.clone()));
        let known: Vec<(Ends, Ends, Traffic)> = known.collect();
        let unmoved: Set<(&Ends, &Ends, &Traffic)> =
            known.iter().map(|(from, to, traffic)| (from, to, traffic)).collect();
        let key = |area: &Area| unmoved.contains(&(&area.from, &area.to, &area.traffic));
        let areas: Vec<Area> = here.areas.iter().filter(|area| !key(area)).cloned().collect();
        let mut areas =
            known.iter().fold(areas, |left, (from, to, traffic)| match left.as_slice() {
                [] => left,
                _ => subtract(left, from, to, traffic),
            });
        areas = merge(areas);
        areas.retain(|area: &Area| witness::has_pair(&self.now.roster, area));
        let open = here.open.iter().map(|(direction, pods)| {
            let known = there.open.iter().filter(|(own, _)| own == direction);
            let known = known.fold(Members::empty(), |all, (_, own)| all.union(&self.pods(own)));
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

    fn pods(&self, before: &Members) -> Members {
        match &self.to {
            None => before.clone(),
            Some(to) => Members::union_all(before.iter().filter_map(|rank| to.get(rank as usize))),
        }
    }

    fn ends(&self, before: &Ends) -> Ends {
        Ends { pods: self.pods(&before.pods), ..before.clone() }
    }
}

/// By rank before: the ranks now.
fn moved(before: &Bench<'_>, now: &Bench<'_>) -> Vec<Members> {
    let by_name: BTreeMap<Name<'_>, u32> =
        ranks(&now.roster).map(|(rank, name)| (name, rank)).collect();
    let names_before: BTreeSet<Name<'_>> = ranks(&before.roster).map(|(_, name)| name).collect();
    // Pods of a workload that have no namesake before.
    let mut new_of: BTreeMap<Name<'_>, Vec<u32>> = BTreeMap::new();
    for (name, rank) in &by_name {
        if let (false, Some(workload)) = (names_before.contains(name), workload(&now.roster, *rank))
        {
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
    to.collect()
}

/// Every rank with its name, in order.
fn ranks<'r>(roster: &'r Roster<'_>) -> impl Iterator<Item = (u32, Name<'r>)> {
    let cluster = roster.policy.cluster();
    (0..).map_while(|rank| {
        let (_, endpoint) = roster.endpoint(rank)?;
        let namespace = cluster.namespace(endpoint.namespace).map_or("", |own| own.name.as_str());
        Some((rank, (namespace, &*endpoint.name, endpoint.kind.name())))
    })
}

/// The workload of a rank, itself if it is one.
fn workload<'r>(roster: &'r Roster<'_>, rank: u32) -> Option<Name<'r>> {
    let (_, endpoint) = roster.endpoint(rank)?;
    let namespace = roster.policy.cluster().namespace(endpoint.namespace)?.name.as_str();
    Some(match &endpoint.workload {
        Some(own) => (namespace, own.name.as_str(), own.kind.as_str()),
        None => (namespace, &*endpoint.name, endpoint.kind.name()),
    })
}
