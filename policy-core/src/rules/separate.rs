//! `separate`: nothing flows from a group of namespaces to another, but for what is excepted.

use std::collections::BTreeMap;

use super::cells::Cells;
use super::ends::{Area, Ends, subtract};
use super::forbid::{exceptions, flows};
use super::roster::Roster;
use crate::cluster::{NamespaceId, Selector};
use crate::compile::Cell;
use crate::manifest::document::{Exception, RuleGroups};
use crate::netset::Members;

/// The groups of a rule, by name, with their namespaces.
pub(super) type Groups = BTreeMap<String, Vec<NamespaceId>>;

/// The groups of a rule; one that no namespace is in is there all the same.
pub(super) fn groups(roster: &Roster<'_>, written: &RuleGroups) -> Groups {
    let cluster = roster.policy.cluster();
    let there = || {
        let all = cluster.namespaces();
        all.filter(|(id, own)| own.is_read || roster.in_namespace(*id).is_some())
    };
    let mut groups = Groups::new();
    match written {
        RuleGroups::Named(list) => {
            for group in list {
                let selector = Selector::new(&group.namespaces);
                let there = there().filter(|(_, own)| selector.matches(|key| own.labels.get(key)));
                groups.insert(group.name.clone(), there.map(|(id, _)| id).collect());
            }
        }
        RuleGroups::ByLabel(key) => {
            for (id, own) in there() {
                if let Some(value) = own.labels.get(key) {
                    groups.entry(value.to_owned()).or_default().push(id);
                }
            }
        }
    }
    groups
}

/// The namespaces that are in two groups or more, by name, with those.
pub(super) fn in_several(roster: &Roster<'_>, groups: &Groups) -> BTreeMap<String, Vec<String>> {
    let mut of: BTreeMap<NamespaceId, Vec<String>> = BTreeMap::new();
    for (name, namespaces) in groups {
        for id in namespaces {
            of.entry(*id).or_default().push(name.clone());
        }
    }
    let cluster = roster.policy.cluster();
    of.into_iter()
        .filter(|(_, names)| names.len() > 1)
        .filter_map(|(id, names)| Some((cluster.namespace(id)?.name.clone(), names)))
        .collect()
}

/// What flows, or may, from a group to another.
pub(super) fn broken(roster: &Roster<'_>, groups: &Groups, except: &[Exception]) -> Vec<Area> {
    // Namespaces by the groups that they are in: what is forbidden to enter is the same for all.
    let mut of: BTreeMap<NamespaceId, Vec<&str>> = BTreeMap::new();
    for (name, namespaces) in groups {
        for id in namespaces {
            of.entry(*id).or_default().push(name);
        }
    }
    let mut members: BTreeMap<&[&str], Vec<&Members>> = BTreeMap::new();
    for (id, names) in &of {
        members.entry(names).or_default().extend(roster.in_namespace(*id));
    }
    let members: BTreeMap<&[&str], Members> =
        members.into_iter().map(|(names, sets)| (names, Members::union_all(sets))).collect();
    let all = Members::union_all(members.values());
    let grouped = Ends::of_pods(all.clone());
    let excepted = exceptions(roster, &grouped, &grouped, None, except);
    let mut areas = Vec::new();
    let mut cells = Cells::new(roster);
    let wanted = |cell: &Cell| !cell.is_denied();
    cells.each(&grouped, &grouped, &wanted, &mut |from, to, cell| {
        let mut left = to.pods;
        while let Some(first) = left.first() {
            let names = roster.endpoint(first).and_then(|(_, own)| of.get(&own.namespace));
            let own = names.and_then(|names| Some((names, members.get(names.as_slice())?)));
            let Some((names, own)) = own else { break };
            let there = left.intersection(own);
            left = left.difference(&there);
            let sources = match names.as_slice() {
                // Those of the same group, and of no other, may come in.
                [_] => from.pods.difference(own),
                _ => from.pods.clone(),
            };
            if !sources.is_empty() {
                let (from, to) = (Ends::of_pods(sources), Ends::of_pods(there));
                let mut own = vec![Area { from, to, traffic: flows(cell), cell: cell.clone() }];
                for (from, to, traffic) in &excepted {
                    own = subtract(own, from, to, traffic);
                }
                areas.extend(own);
            }
        }
    });
    areas
}
