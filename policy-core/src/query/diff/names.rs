//! What ends are called: workloads whose pods are all in an end, else pods.

use std::collections::{BTreeMap, BTreeSet};

use super::ends::{Ends, Moved, Side, UnitKey, unit_of};
use super::{Cause, DiffEnd, DiffUnit, How, Presence};
use crate::cluster::Endpoint;
use crate::manifest::document::{Body, Kind, Object, Pod, PodSpec, Workload};

/// An end by name.
pub(super) fn end(ends: &Ends<'_>, number: u32) -> DiffEnd {
    let mut units: BTreeMap<UnitKey<'_>, Unit> = BTreeMap::new();
    let mut whole: BTreeMap<UnitKey<'_>, bool> = BTreeMap::new();
    let stayed = ends.stayed_in(number).map(|(_, one)| (Some(one), Some(one)));
    let moved = ends.moved(number).iter();
    let moved = moved.map(|moved| (moved.before, moved.after.map(|(_, own)| own)));
    for (before, after) in stayed.chain(moved) {
        let Some(endpoint) = after.or(before) else { continue };
        let unit = unit_of(endpoint);
        let is_whole = *whole.entry(unit).or_insert_with(|| ends.is_whole(unit, number));
        let key = if is_whole { unit } else { itself(endpoint) };
        let own = units.entry(key).or_default();
        for (count, templates, one) in [
            (&mut own.before, &mut own.templates_before, before),
            (&mut own.after, &mut own.templates_after, after),
        ] {
            if let Some(one) = one {
                *count += 1;
                *templates += u64::from(!one.is_pod());
            }
        }
    }
    let cluster = ends.policy(Side::After).cluster();
    let namespace = units.keys().next().and_then(|(id, ..)| cluster.namespace(*id));
    let count = |side| ends.class(side, number).is_some();
    let namespace = namespace.map_or_else(String::new, |own| own.name.clone());
    DiffEnd {
        units: units
            .into_iter()
            .map(|(key, own)| {
                let is_pods = (own.templates_before == 0, own.templates_after == 0);
                let name = name(ends, key);
                let namespace = namespace.clone();
                DiffUnit { namespace, name, before: own.before, after: own.after, is_pods }
            })
            .collect(),
        presence: match (count(Side::Before), count(Side::After)) {
            (true, false) => Presence::Removed,
            (false, true) => Presence::Added,
            (true, true) | (false, false) => Presence::Both,
        },
        namespace,
    }
}

/// What the units of an end are on each side: pods, or templates of any number.
pub(super) fn kinds(ends: &Ends<'_>, number: u32) -> BTreeSet<(bool, bool)> {
    let stayed = ends.stayed_in(number).map(|(_, one)| one);
    let moved = ends.moved(number).iter();
    let moved = moved.flat_map(|one| one.before.into_iter().chain(one.after.map(|(_, own)| own)));
    let found: BTreeSet<bool> = stayed.chain(moved).map(Endpoint::is_pod).collect();
    match found.first().filter(|_| found.len() == 1) {
        Some(is_pod) => BTreeSet::from([(*is_pod, *is_pod)]),
        None => end(ends, number).units.into_iter().map(|unit| unit.is_pods).collect(),
    }
}

/// How many endpoints of a unit there were and are, and how many of them templates.
#[derive(Default)]
struct Unit {
    before: u64,
    after: u64,
    templates_before: u64,
    templates_after: u64,
}

fn itself(endpoint: &Endpoint) -> UnitKey<'_> {
    (endpoint.namespace, endpoint.kind.name(), &endpoint.name)
}

/// `NAMESPACE/NAME`, with the kind in front where that would name two.
fn name(ends: &Ends<'_>, (namespace, kind, name): UnitKey<'_>) -> String {
    let cluster = ends.policy(Side::After).cluster();
    let kinds = ends.kinds_of(namespace, name);
    let namespace = cluster.namespace(namespace).map_or("", |own| own.name.as_str());
    if kinds.len() > 1 {
        format!("{}/{namespace}/{name}", kind.to_ascii_lowercase())
    } else {
        format!("{namespace}/{name}")
    }
}

/// What of an end itself changed.
pub(super) fn own_causes(ends: &Ends<'_>, number: u32) -> BTreeSet<Cause> {
    let mut causes = BTreeSet::new();
    let was_there = ends.class(Side::Before, number).is_some();
    let is_there = ends.class(Side::After, number).is_some();
    for moved in ends.moved(number) {
        causes.extend(own_cause(ends, moved, number, was_there, is_there));
    }
    causes
}

fn own_cause(
    ends: &Ends<'_>,
    moved: &Moved<'_>,
    number: u32,
    was_there: bool,
    is_there: bool,
) -> Option<Cause> {
    let endpoint = moved.after.map(|(_, own)| own).or(moved.before)?;
    let objects = &ends.record().objects;
    let key = ends.key_of(endpoint)?;
    if moved.before.is_some() && moved.after.is_some() {
        if let Some(Some(before)) = objects.get(&key) {
            let what = ends
                .object(Side::After, &key)
                .map_or_else(Vec::new, |now| differences(before, now));
            return Some(Cause {
                kind: key.kind.name().to_owned(),
                namespace: key.namespace,
                name: key.name,
                how: How::Changed,
                what,
            });
        }
        if objects.keys().all(|key| key.kind != Kind::Node) {
            return None;
        }
        // On its node's network, it has the node's address.
        let node = endpoint.node?;
        let name = ends.policy(Side::After).cluster().symbols().text(node).to_owned();
        return Some(Cause {
            kind: Kind::Node.name().to_owned(),
            namespace: String::new(),
            name,
            how: How::Changed,
            what: Vec::new(),
        });
    }
    let how = match (was_there, is_there) {
        (false, _) => How::Added,
        (_, false) => How::Removed,
        (true, true) => How::Changed,
    };
    let unit = unit_of(endpoint);
    let replaced = how == How::Changed;
    let (_, kind, name) =
        if replaced || ends.is_whole(unit, number) { unit } else { itself(endpoint) };
    let what = if replaced { vec!["pods"] } else { Vec::new() };
    Some(Cause {
        kind: kind.to_owned(),
        namespace: key.namespace,
        name: name.to_owned(),
        how,
        what,
    })
}

/// What of an object is not as it was, as far as flows go.
pub(super) fn differences(before: &Object, after: &Object) -> Vec<&'static str> {
    let mut found = Vec::new();
    match (&before.body, &after.body) {
        (Body::Pod(one), Body::Pod(other)) => {
            let Pod { labels, owner, spec, phase, addresses, host_addresses } = one;
            note(&mut found, "labels", *labels != other.labels);
            note(&mut found, "owner", *owner != other.owner);
            of_spec(&mut found, spec, &other.spec);
            note(&mut found, "phase", *phase != other.phase);
            let same = *addresses == other.addresses && *host_addresses == other.host_addresses;
            note(&mut found, "addresses", !same);
        }
        (Body::Workload(one), Body::Workload(other)) => {
            let Workload { labels: _, owner, template_labels, template } = one;
            note(&mut found, "template labels", *template_labels != other.template_labels);
            note(&mut found, "owner", *owner != other.owner);
            of_spec(&mut found, template, &other.template);
        }
        (Body::Node(one), Body::Node(other)) => {
            note(&mut found, "labels", one.labels != other.labels);
            note(&mut found, "addresses", one.addresses != other.addresses);
            note(&mut found, "podCIDRs", one.pod_cidrs != other.pod_cidrs);
        }
        (Body::Namespace(one), Body::Namespace(other)) => {
            note(&mut found, "labels", one.labels != other.labels);
        }
        _ => {}
    }
    found
}

fn note(found: &mut Vec<&'static str>, what: &'static str, differs: bool) {
    if differs {
        found.push(what);
    }
}

fn of_spec(found: &mut Vec<&'static str>, one: &PodSpec, other: &PodSpec) {
    let PodSpec { node_name, host_network, ports } = one;
    note(found, "node", *node_name != other.node_name);
    note(found, "hostNetwork", *host_network != other.host_network);
    note(found, "ports", *ports != other.ports);
}
