//! A diff equals the difference of the two matrices, flow by flow; its causes are what the change
//! cannot do without; its order does not hang on that of files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use policy_core::cluster::EndpointId;
use policy_core::compile::{Cell, CompiledPolicy, Options, compile};
use policy_core::manifest::document::{Kind, Object, ObjectKey};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::{AddressSet, Direction, Family, Traffic, parse_cidr};
use policy_core::query::{
    Diff, DiffEnds, Level, Presence, Reach, Texts, Turn, changes, diff, isolation, outside_of,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::compare::{How, matrix_agrees};
use super::random::{admin_policy, cluster, how, pod, policy};

/// Addresses on every side of every boundary that the generator draws.
const ADDRESSES: [&str; 14] = [
    "0.0.0.0",
    "10.0.0.3",
    "10.0.0.4",
    "10.1.0.0",
    "10.1.0.3",
    "10.1.0.4",
    "10.128.0.0",
    "172.16.0.2",
    "192.0.2.9",
    "198.51.100.9",
    "::",
    "2001:db8::9",
    "2001:db8:0:1::",
    "2001:db8:8000::1",
];

fn objects_of(values: &[Value]) -> Vec<Object> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": values});
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let source = Source { name: "world".into(), text: list.to_string() };
    let mut reading = read(vec![source], &options);
    for record in &reading.records {
        // A rule that fails closed is refused, and counts.
        let counts = record.accepted == Some(true) || record.object.is_some();
        assert!(counts, "{:?}", record.diagnostics);
    }
    reading.take_objects()
}

fn options(how: &How) -> Options {
    let pod_cidrs = how.pod_cidrs.iter().map(|c| parse_cidr(c).unwrap().cidr).collect();
    Options { profile: how.profile, pod_cidrs }
}

/// The diff, and the policy of the second side that came of it.
pub fn engine_diff(before: &[Value], after: &[Value], how: &How) -> (Diff, CompiledPolicy) {
    let mut policy = compile(objects_of(before), options(how));
    let changes = changes(&policy, &mut Texts::new(&[], &[]), objects_of(after));
    let found = diff(&mut policy, changes, usize::MAX);
    (found, policy)
}

/// An end by what it is, not by what it is called; of a workload's pods, which are alike here, one
/// stands for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Endpoint(String, Kind, String),
    Address(IpAddr),
}

/// The verdicts between two ends that are not the same on both sides.
pub type Turns = BTreeMap<(Who, Who), BTreeMap<(Level, Level), Traffic>>;

pub struct Side {
    policy: CompiledPolicy,
    ids: BTreeMap<Who, EndpointId>,
}

impl Side {
    pub fn new(values: &[Value], how: &How) -> Side {
        let policy = compile(objects_of(values), options(how));
        matrix_agrees(&policy);
        let ids = policy.cluster().endpoints().map(|(id, one)| {
            let namespace = policy.cluster().namespace(one.namespace).unwrap().name.clone();
            let (kind, name) = match &one.workload {
                Some(own) => (kind_of(&own.kind), own.name.to_string()),
                None => (one.kind, one.name.to_string()),
            };
            (Who::Endpoint(namespace, kind, name), id)
        });
        let ids = ids.collect();
        Side { policy, ids }
    }

    fn cell(&self, from: &Who, to: &Who) -> Cell {
        let class = |who: &Who| self.policy.class_of(*self.ids.get(who)?);
        let outside = |direction, who: &Who, address: IpAddr| {
            let Some(class) = class(who) else { return Cell::default() };
            let all = AddressSet::of_family(Family::of(address));
            let parts = outside_of(&self.policy, direction, class, &all);
            let holds = |ranges: &[(IpAddr, IpAddr)]| {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&address))
            };
            parts.into_iter().find(|(ranges, _)| holds(ranges)).map_or(Cell::default(), |own| own.1)
        };
        match (from, to) {
            (Who::Address(address), to) => outside(Direction::Ingress, to, *address),
            (from, Who::Address(address)) => outside(Direction::Egress, from, *address),
            _ => match (class(from), class(to)) {
                (Some(from), Some(to)) => self.policy.cell(from, to),
                _ => Cell::default(),
            },
        }
    }
}

fn kind_of(name: &str) -> Kind {
    *Kind::ALL.iter().find(|kind| kind.name() == name).unwrap()
}

fn at(cell: &Cell, level: Level) -> Traffic {
    match level {
        Level::Allow => cell.allowed.clone(),
        Level::Depends => cell.depends.clone(),
        Level::Deny => Traffic::all().difference(&cell.allowed).difference(&cell.depends),
    }
}

fn turns_between(before: &Cell, after: &Cell) -> BTreeMap<(Level, Level), Traffic> {
    let mut turns = BTreeMap::new();
    for was in Level::ALL {
        for is in Level::ALL {
            let traffic = at(before, was).intersection(&at(after, is));
            if was != is && !traffic.is_empty() {
                turns.insert((was, is), traffic);
            }
        }
    }
    turns
}

fn addresses() -> Vec<IpAddr> {
    ADDRESSES.iter().map(|ip| ip.parse().unwrap()).collect()
}

/// The slow way: every pair of ends that there is on either side.
pub fn expected(before: &Side, after: &Side) -> Turns {
    let mut all: BTreeSet<Who> = before.ids.keys().chain(after.ids.keys()).cloned().collect();
    all.extend(addresses().into_iter().map(Who::Address));
    let mut turns = Turns::new();
    for from in &all {
        for to in &all {
            let is_pod = |who: &Who| matches!(who, Who::Endpoint(_, Kind::Pod, _));
            let both_outside = matches!((from, to), (Who::Address(_), Who::Address(_)));
            if both_outside || (from == to && is_pod(from)) {
                continue;
            }
            let found = turns_between(&before.cell(from, to), &after.cell(from, to));
            if !found.is_empty() {
                turns.insert((from.clone(), to.clone()), found);
            }
        }
    }
    turns
}

/// Who an end's names mean; every end here is an endpoint of its own name.
fn who(name: &str, before: &Side, after: &Side) -> Who {
    let parts: Vec<&str> = name.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [namespace, name] => (None, *namespace, *name),
        [kind, namespace, name] => (Some(*kind), *namespace, *name),
        _ => panic!("{name}"),
    };
    let is_meant = |who: &&Who| match who {
        Who::Endpoint(own, own_kind, own_name) => {
            own == namespace
                && own_name == name
                && kind.is_none_or(|kind| own_kind.name().to_ascii_lowercase() == kind)
        }
        Who::Address(_) => false,
    };
    let found = after.ids.keys().find(is_meant).or(before.ids.keys().find(is_meant));
    found.unwrap_or_else(|| panic!("{name}")).clone()
}

fn members(found: &Diff, ends: &DiffEnds, before: &Side, after: &Side) -> Vec<Who> {
    let mut all = Vec::new();
    for end in ends.ends.iter() {
        let end = &found.ends[end as usize];
        for unit in &end.units {
            let who = who(&unit.name, before, after);
            let there = (before.ids.contains_key(&who), after.ids.contains_key(&who));
            let expected = match end.presence {
                Presence::Both => (true, true),
                Presence::Removed => (true, false),
                Presence::Added => (false, true),
            };
            assert_eq!(there, expected, "{unit:?}");
            all.push(who);
        }
    }
    for address in addresses() {
        let holds =
            ends.addresses.iter().filter(|(first, last)| (*first..=*last).contains(&address));
        match holds.count() {
            0 => {}
            1 => all.push(Who::Address(address)),
            _ => panic!("{address} is twice in {ends:?}"),
        }
    }
    all
}

/// The blocks of a diff, flow by flow.
pub fn turns_of(found: &Diff, before: &Side, after: &Side) -> Turns {
    let mut turns = Turns::new();
    for block in &found.blocks {
        assert!(!block.because.is_empty(), "{block:?}");
        assert_eq!(Turn::of(block.before, block.after), Some(block.turn));
        let to = members(found, &block.to, before, after);
        for from in members(found, &block.from, before, after) {
            for to in &to {
                if from == *to && matches!(from, Who::Endpoint(_, Kind::Pod, _)) {
                    continue;
                }
                let own = turns.entry((from.clone(), to.clone())).or_default();
                for traffic in own.values() {
                    assert!(
                        !traffic.intersects(&block.traffic),
                        "blocks overlap at {from:?} {to:?}\n{found:#?}"
                    );
                }
                let own = own.entry((block.before, block.after)).or_default();
                *own = own.union(&block.traffic);
            }
        }
    }
    turns
}

/// How far each endpoint reaches, as the isolation report has it.
fn reaches(side: &Side) -> BTreeMap<Who, (Reach, Reach)> {
    let found = isolation(&side.policy);
    let by_id: BTreeMap<EndpointId, (Reach, Reach)> =
        found.endpoints.iter().map(|one| (one.endpoint, (one.reaches, one.reached_by))).collect();
    side.ids.iter().map(|(who, id)| (who.clone(), by_id[id])).collect()
}

pub fn radius_agrees(found: &Diff, before: &Side, after: &Side) {
    let (was, is) = (reaches(before), reaches(after));
    let mut told = BTreeMap::new();
    for moved in &found.radius {
        for unit in &moved.units {
            let both = (moved.reaches, moved.reached_by);
            told.insert(who(unit, before, after), both);
        }
    }
    let all: BTreeSet<&Who> = was.keys().chain(is.keys()).collect();
    for who in all {
        let of = |side: &BTreeMap<Who, (Reach, Reach)>| side.get(who).copied().unwrap_or_default();
        let wanted = (of(&was), of(&is));
        let moved = |was: Reach, is: Reach| (was != is).then_some((was, is));
        let wanted = (moved(wanted.0.0, wanted.1.0), moved(wanted.0.1, wanted.1.1));
        let told = told.get(who).copied().unwrap_or((None, None));
        assert_eq!(told, wanted, "{who:?}");
    }
}

/// What objects there are on neither or one side, or say something else.
fn changed(before: &[Value], after: &[Value]) -> Vec<ObjectKey> {
    let by_key = |values: &[Value]| -> BTreeMap<ObjectKey, Object> {
        objects_of(values).into_iter().map(|one| (one.key.clone(), one)).collect()
    };
    let (was, is) = (by_key(before), by_key(after));
    let all: BTreeSet<&ObjectKey> = was.keys().chain(is.keys()).collect();
    let body = |side: &BTreeMap<ObjectKey, Object>, key| side.get(key).map(|one| one.body.clone());
    all.into_iter().filter(|key| body(&was, key) != body(&is, key)).cloned().collect()
}

/// One side with some objects as they are on the other.
fn with(base: &[Value], other: &[Value], keys: &[&ObjectKey]) -> Vec<Value> {
    let key = |value: &Value| objects_of(std::slice::from_ref(value)).remove(0).key;
    let is_meant = |value: &&Value| keys.contains(&&key(value));
    let kept = base.iter().filter(|value| !is_meant(value));
    kept.chain(other.iter().filter(is_meant)).cloned().collect()
}

/// The causes of each block are what the flow would not have changed without; else what would have
/// changed it alone.
fn causes_agree(found: &Diff, before: (&[Value], &Side), after: (&[Value], &Side), how: &How) {
    let keys = changed(before.0, after.0);
    let sides: Vec<(Side, Side)> = keys
        .iter()
        .map(|key| {
            let without = with(after.0, before.0, &[key]);
            let alone = with(before.0, after.0, &[key]);
            (Side::new(&without, how), Side::new(&alone, how))
        })
        .collect();
    let is_on_both = |who: &Who| match who {
        Who::Endpoint(..) => before.1.ids.contains_key(who) && after.1.ids.contains_key(who),
        Who::Address(_) => true,
    };
    for block in &found.blocks {
        let named: BTreeSet<ObjectKey> = block
            .because
            .iter()
            .map(|one| ObjectKey {
                kind: kind_of(&one.kind),
                namespace: one.namespace.clone(),
                name: one.name.clone(),
            })
            .collect();
        let to = members(found, &block.to, before.1, after.1);
        let from = members(found, &block.from, before.1, after.1);
        let is_wide = from.len() > 1 || to.len() > 1;
        for from in &from {
            for to in &to {
                if from == to && matches!(from, Who::Endpoint(_, Kind::Pod, _)) {
                    continue;
                }
                let itself = |who: &Who| match who {
                    Who::Endpoint(namespace, kind, name) => Some(ObjectKey {
                        kind: *kind,
                        namespace: namespace.clone(),
                        name: name.clone(),
                    }),
                    Who::Address(_) => None,
                };
                let absent: BTreeSet<ObjectKey> = [from, to]
                    .into_iter()
                    .filter(|who| !is_on_both(who))
                    .filter_map(itself)
                    .collect();
                let own = |keys: BTreeSet<&ObjectKey>| -> BTreeSet<ObjectKey> {
                    keys.into_iter().cloned().collect()
                };
                // Causes that are ends are named for all of a block.
                let of_others = |key: &ObjectKey| {
                    is_wide && !key.kind.is_policy() && key.kind != Kind::Namespace
                };
                let check = |wanted: &BTreeSet<ObjectKey>| {
                    assert!(wanted.is_subset(&named), "{block:?}\nwanted {wanted:?}");
                    let more: Vec<&ObjectKey> =
                        named.difference(wanted).filter(|key| !of_others(key)).collect();
                    assert!(more.is_empty(), "{block:?}\nmore than {wanted:?}");
                };
                if !absent.is_empty() {
                    if keys.len() > 1 {
                        check(&absent);
                    }
                    continue;
                }
                // Several nodes are one cause.
                if keys.iter().filter(|key| key.kind == Kind::Node).count() > 1 {
                    continue;
                }
                let is_so =
                    |side: &Side| block.traffic.is_subset(&at(&side.cell(from, to), block.after));
                let is_nowhere_so =
                    |side: &Side| !block.traffic.intersects(&at(&side.cell(from, to), block.after));
                let all = || keys.iter().zip(&sides);
                let needed: BTreeSet<&ObjectKey> =
                    all().filter(|(_, side)| is_nowhere_so(&side.0)).map(|(key, _)| key).collect();
                let enough: BTreeSet<&ObjectKey> =
                    all().filter(|(_, side)| is_so(&side.1)).map(|(key, _)| key).collect();
                if keys.len() == 1 {
                    assert_eq!(named, keys.iter().cloned().collect());
                } else if !needed.is_empty() {
                    check(&own(needed));
                } else if !enough.is_empty() {
                    check(&own(enough));
                }
            }
        }
    }
}

pub fn step() -> impl Strategy<Value = Step> {
    let relabelled = prop::sample::select(vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"app": "c"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"env": "b"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "z", "labels": {"tier": "a"}}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n3"}, "spec": {"podCIDRs": ["10.0.0.0/12"]},
               "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.3"}]}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}, "spec": {"podCIDRs": ["10.0.0.0/12"]},
               "status": {"addresses": [{"type": "InternalIP", "address": "10.1.0.77"}]}}),
    ]);
    prop_oneof![
        3 => policy(1).prop_map(Step::Put),
        2 => policy(2).prop_map(Step::Put),
        2 => policy(7).prop_map(Step::Put),
        2 => admin_policy(1).prop_map(Step::Put),
        2 => admin_policy(7).prop_map(Step::Put),
        2 => pod(0).prop_map(Step::Put),
        2 => pod(2).prop_map(Step::Put),
        2 => pod(5).prop_map(Step::Put),
        2 => relabelled.prop_map(Step::Put),
        3 => (0_usize..16).prop_map(Step::Remove),
    ]
}

#[derive(Clone, Debug)]
pub enum Step {
    Put(Value),
    Remove(usize),
}

pub fn stepped(objects: &[Value], steps: &[Step]) -> Vec<Value> {
    let key = |value: &Value| objects_of(std::slice::from_ref(value)).remove(0).key;
    let mut objects = objects.to_vec();
    for step in steps {
        match step {
            Step::Put(value) => {
                objects.retain(|other| key(other) != key(value));
                objects.push(value.clone());
            }
            Step::Remove(at) if *at < objects.len() => {
                objects.remove(*at);
            }
            Step::Remove(_) => {}
        }
    }
    objects
}

/// All that is checked of a pair of worlds.
pub fn check(before: &[Value], after: &[Value], how: &How) -> Diff {
    let (found, second) = engine_diff(before, after, how);
    let (was, is) = (Side::new(before, how), Side::new(after, how));
    matrix_agrees(&second);
    let wanted = expected(&was, &is);
    let own = turns_of(&found, &was, &is);
    if own != wanted {
        for key in wanted.keys().chain(own.keys()) {
            assert_eq!(own.get(key), wanted.get(key), "{key:?}\n{how:?}\n{found:#?}");
        }
    }
    radius_agrees(&found, &was, &is);
    causes_agree(&found, (before, &was), (after, &is), how);
    // The other way round it is its mirror.
    let (back, _) = engine_diff(after, before, how);
    let mirror: Turns = turns_of(&back, &is, &was)
        .into_iter()
        .map(|(pair, turns)| {
            (pair, turns.into_iter().map(|((was, is), traffic)| ((is, was), traffic)).collect())
        })
        .collect();
    assert_eq!(mirror, wanted);
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000 / crate::share(), ..ProptestConfig::default() })]

    #[test]
    fn flow_by_flow(objects in cluster(), how in how(), steps in prop::collection::vec(step(), 0..4)) {
        check(&objects, &stepped(&objects, &steps), &how);
    }

    #[test]
    fn of_unlike_clusters(one in cluster(), other in cluster(), how in how()) {
        let (found, _) = engine_diff(&one, &other, &how);
        let (was, is) = (Side::new(&one, &how), Side::new(&other, &how));
        prop_assert_eq!(turns_of(&found, &was, &is), expected(&was, &is));
        radius_agrees(&found, &was, &is);
    }

    #[test]
    fn with_itself_it_is_empty(objects in cluster(), how in how()) {
        let mut other = objects.clone();
        other.reverse();
        let (found, _) = engine_diff(&objects, &other, &how);
        prop_assert_eq!(found, Diff::default());
    }

    #[test]
    fn whatever_the_order_of_files(objects in cluster(), how in how(), steps in prop::collection::vec(step(), 1..4)) {
        let after = stepped(&objects, &steps);
        let reversed = |values: &[Value]| values.iter().rev().cloned().collect::<Vec<_>>();
        let (one, _) = engine_diff(&objects, &after, &how);
        let (other, _) = engine_diff(&reversed(&objects), &reversed(&after), &how);
        let without_places = |mut found: Diff| {
            for object in &mut found.objects {
                object.place = None;
            }
            found
        };
        prop_assert_eq!(without_places(one), without_places(other));
    }
}
