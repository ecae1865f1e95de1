//! The ends of both sides: classes whose endpoints stayed where they were, and beside them those
//! that changed, came or went, each as a pair of classes.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Endpoint, EndpointId, NamespaceId, PodRanges};
use crate::compile::{ClassId, CompiledPolicy, Record, Row, RowId};
use crate::manifest::document::{Kind, Object, ObjectKey};
use crate::map::Map;
use crate::netset::{Direction, Family, Members};

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

/// A row of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Handle {
    /// The end is not there.
    Absent,
    /// As it was saved.
    Saved(usize),
    /// As it is, or, before, as it was where nothing touched it.
    Now(RowId),
}

/// An endpoint that changed, came or went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved<'p> {
    /// As it was.
    pub(super) before: Option<&'p Endpoint>,
    /// As it is.
    pub(super) after: Option<(EndpointId, &'p Endpoint)>,
}

/// An end that is no class as a whole.
#[derive(Debug, Default)]
struct Extra<'p> {
    before: Option<ClassId>,
    after: Option<ClassId>,
    members: Vec<Moved<'p>>,
}

/// A workload, or a pod that has none: namespace, kind, name.
pub(super) type UnitKey<'p> = (NamespaceId, &'p str, &'p str);

/// What an endpoint belongs to.
pub(super) fn unit_of(endpoint: &Endpoint) -> UnitKey<'_> {
    match &endpoint.workload {
        Some(workload) => (endpoint.namespace, &workload.kind, &workload.name),
        None => (endpoint.namespace, endpoint.kind.name(), &endpoint.name),
    }
}

/// Both sides, and their ends by number: a class's own number for those of it that stayed, higher
/// ones for the others.
pub(super) struct Ends<'p> {
    before: &'p CompiledPolicy,
    after: &'p CompiledPolicy,
    record: &'p Record,
    /// The ends that are classes.
    stayed: Members,
    /// The number of the first extra end.
    first: u32,
    extras: Vec<Extra<'p>>,
    by_class: [BTreeMap<u32, Vec<u32>>; 2],
    /// Endpoints that stayed in a class's end, but came or went: by end, how many came and went.
    joined: BTreeMap<u32, (Vec<Moved<'p>>, u64, u64)>,
    /// The kinds of endpoints and units that went, by namespace and name.
    gone_kinds: BTreeMap<(NamespaceId, &'p str), BTreeSet<&'p str>>,
    /// Endpoints that came.
    new: BTreeSet<EndpointId>,
    /// Of endpoints that came: their ends.
    end_of_new: Map<EndpointId, u32>,
    /// Of units with an endpoint that came or went: the ends of these.
    ends_of_unit: BTreeMap<UnitKey<'p>, BTreeSet<u32>>,
}

impl<'p> Ends<'p> {
    pub(super) fn new(after: &'p CompiledPolicy, record: &'p Record) -> Ends<'p> {
        let before = record.whole.as_deref().unwrap_or(after);
        let mut ends = Ends {
            before,
            after,
            record,
            stayed: Members::empty(),
            first: u32::try_from(after.classes().len()).unwrap_or(u32::MAX),
            extras: Vec::new(),
            by_class: [BTreeMap::new(), BTreeMap::new()],
            joined: BTreeMap::new(),
            gone_kinds: BTreeMap::new(),
            new: record.added.iter().copied().collect(),
            end_of_new: Map::default(),
            ends_of_unit: BTreeMap::new(),
        };
        ends.pair();
        let stays = |class: &ClassId| {
            record.whole.is_none() && {
                let all = after.classes().get(*class).map_or(0, |class| class.endpoints.len());
                let moved_in = ends.moved_into(*class);
                all as u64 > moved_in || ends.joined.contains_key(&class.0)
            }
        };
        ends.stayed = after.classes().ids().filter(stays).map(|class| class.0).collect();
        ends
    }

    /// How many endpoints of a class came from elsewhere.
    fn moved_into(&self, class: ClassId) -> u64 {
        let [_, after] = &self.by_class;
        let extras = after.get(&class.0).into_iter().flatten();
        let extras = extras.filter_map(|end| self.extra(*end));
        extras
            .map(|extra| extra.members.iter().filter(|one| one.after.is_some()).count() as u64)
            .sum()
    }

    fn extra(&self, end: u32) -> Option<&Extra<'p>> {
        self.extras.get(end.checked_sub(self.first)? as usize)
    }

    /// Matches those that came with those that went: by kind, namespace and name, else by workload.
    fn pair(&mut self) {
        let (before, after, record) = (self.before, self.after, self.record);
        let mut gone: Vec<(&'p Endpoint, ClassId)> = Vec::new();
        let mut come: Vec<(EndpointId, &'p Endpoint, ClassId)> = Vec::new();
        if record.whole.is_some() {
            let with_class = before.cluster().endpoints();
            gone.extend(with_class.filter_map(|(id, one)| Some((one, before.class_of(id)?))));
            let with_class = after.cluster().endpoints();
            come.extend(with_class.filter_map(|(id, one)| Some((id, one, after.class_of(id)?))));
        } else {
            gone.extend(record.removed.iter().map(|(_, one, class)| (one, *class)));
            come.extend(record.added.iter().filter_map(|id| {
                Some((*id, after.cluster().endpoint(*id)?, after.class_of(*id)?))
            }));
        }
        for (one, _) in &gone {
            let (namespace, kind, name) = unit_of(one);
            self.gone_kinds.entry((namespace, name)).or_default().insert(kind);
            self.gone_kinds.entry((namespace, &one.name)).or_default().insert(one.kind.name());
        }
        type Name<'n> = (NamespaceId, &'n str, Kind);
        let name = |one: &'p Endpoint| -> Name<'p> { (one.namespace, &one.name, one.kind) };
        let mut gone_by_name: BTreeMap<Name<'p>, (&'p Endpoint, ClassId)> =
            gone.into_iter().map(|(one, class)| (name(one), (one, class))).collect();
        let mut units: BTreeMap<UnitKey<'p>, Leftover<'p>> = BTreeMap::new();
        // Those that are on both sides.
        come.sort_by_key(|(_, one, _)| name(one));
        for (id, one, class) in come {
            match gone_by_name.remove(&name(one)) {
                Some((was, was_in)) => {
                    let moved = Moved { before: Some(was), after: Some((id, one)) };
                    self.enter(Some(was_in), Some(class), moved);
                    let unit = units.entry(unit_of(one)).or_default();
                    unit.pairs.insert((was_in, class));
                    if unit_of(was) != unit_of(one) {
                        units.entry(unit_of(was)).or_default();
                    }
                }
                None => units.entry(unit_of(one)).or_default().come.push((id, one, class)),
            }
        }
        for (_, (one, class)) in gone_by_name {
            units.entry(unit_of(one)).or_default().gone.push((one, class));
        }
        for (unit, mut left) in units {
            if left.come.is_empty() && left.gone.is_empty() {
                continue;
            }
            left.pairs
                .extend(self.stayed_of(unit).into_iter().map(|class| (record.root(class), class)));
            let mut befores: BTreeSet<ClassId> = left.pairs.iter().map(|(one, _)| *one).collect();
            befores.extend(left.gone.iter().map(|(_, class)| *class));
            let mut afters: BTreeSet<ClassId> = left.pairs.iter().map(|(_, one)| *one).collect();
            afters.extend(left.come.iter().map(|(_, _, class)| *class));
            let only = |all: &BTreeSet<ClassId>| match all.len() {
                1 => all.first().copied(),
                _ => None,
            };
            for (id, one, class) in left.come {
                let like = left.pairs.iter().find(|(_, after)| *after == class);
                let was_in = like.map(|(before, _)| *before).or(only(&befores));
                if let Some(was_in) = was_in {
                    left.pairs.insert((was_in, class));
                }
                self.enter(was_in, Some(class), Moved { before: None, after: Some((id, one)) });
            }
            for (one, class) in left.gone {
                let like = left.pairs.iter().find(|(before, _)| *before == class);
                let is_in = like.map(|(_, after)| *after).or(only(&afters));
                self.enter(Some(class), is_in, Moved { before: Some(one), after: None });
            }
        }
    }

    /// The classes of the endpoints of a unit that stayed.
    fn stayed_of(&self, (namespace, kind, name): UnitKey<'p>) -> BTreeSet<ClassId> {
        if self.record.whole.is_some() {
            return BTreeSet::new();
        }
        let cluster = self.after.cluster();
        let ids = cluster.stand_ins(namespace, name).filter(|(own, _)| *own == kind);
        let ids = ids.flat_map(|(_, ids)| ids).filter(|id| !self.new.contains(id));
        ids.filter_map(|id| self.after.class_of(*id)).collect()
    }

    /// Puts an endpoint into the end of a pair of classes.
    fn enter(&mut self, before: Option<ClassId>, after: Option<ClassId>, moved: Moved<'p>) {
        let same = match (before, after) {
            (Some(before), Some(after)) if self.record.whole.is_none() => {
                (self.record.root(before) == self.record.root(after)).then_some(after.0)
            }
            _ => None,
        };
        let end = match same {
            Some(end) => {
                let own = self.joined.entry(end).or_default();
                own.0.push(moved);
                own.1 += u64::from(moved.before.is_none());
                own.2 += u64::from(moved.after.is_none());
                end
            }
            None => {
                let [by_before, by_after] = &self.by_class;
                let known = match (before, after) {
                    (Some(class), _) => by_before.get(&class.0),
                    (None, Some(class)) => by_after.get(&class.0),
                    (None, None) => None,
                };
                let known = known.into_iter().flatten().copied().find(|end| {
                    self.extra(*end).is_some_and(|own| own.before == before && own.after == after)
                });
                let count = u32::try_from(self.extras.len()).unwrap_or(u32::MAX);
                let end = known.unwrap_or(self.first.saturating_add(count));
                if known.is_none() {
                    self.extras.push(Extra { before, after, members: Vec::new() });
                    for (by, class) in self.by_class.iter_mut().zip([before, after]) {
                        if let Some(class) = class {
                            by.entry(class.0).or_default().push(end);
                        }
                    }
                }
                if let Some(own) = self.extras.get_mut((end - self.first) as usize) {
                    own.members.push(moved);
                }
                end
            }
        };
        if let Some((id, one)) = moved.after {
            self.end_of_new.insert(id, end);
            self.ends_of_unit.entry(unit_of(one)).or_default().insert(end);
        }
        if let Some(one) = moved.before {
            self.ends_of_unit.entry(unit_of(one)).or_default().insert(end);
        }
    }

    // Questions.

    pub(super) fn policy(&self, side: Side) -> &'p CompiledPolicy {
        match side {
            Side::Before => self.before,
            Side::After => self.after,
        }
    }

    pub(super) fn record(&self) -> &'p Record {
        self.record
    }

    /// The object of an endpoint.
    pub(super) fn key_of(&self, endpoint: &Endpoint) -> Option<ObjectKey> {
        let namespace = self.after.cluster().namespace(endpoint.namespace)?.name.clone();
        Some(ObjectKey { kind: endpoint.kind, namespace, name: endpoint.name.to_string() })
    }

    /// An object as it was or is, policies aside.
    pub(super) fn object(&self, side: Side, key: &ObjectKey) -> Option<&'p Object> {
        match (side, self.record.objects.get(key)) {
            (Side::Before, Some(before)) => before.as_ref(),
            (Side::Before | Side::After, _) => self.after.cluster().object(key),
        }
    }

    /// The nodes of a side.
    pub(super) fn nodes(&self, side: Side) -> impl Iterator<Item = &'p Object> + use<'p> {
        let changed = match side {
            Side::Before => Some(&self.record.objects),
            Side::After => None,
        };
        let before = changed.into_iter().flat_map(BTreeMap::values).flatten();
        let before = before.filter(|object| object.key.kind == Kind::Node);
        let now = self.after.cluster().all_of_kind(Kind::Node);
        now.filter(move |one| changed.is_none_or(|own| !own.contains_key(&one.key))).chain(before)
    }

    /// The addresses that pods may have had or have.
    pub(super) fn pod_ranges(&self, side: Side) -> &'p PodRanges {
        match (side, &self.record.pod_ranges) {
            (Side::Before, Some(before)) => before,
            (Side::Before | Side::After, _) => self.after.cluster().pod_ranges(),
        }
    }

    /// The ends that are not classes that stayed.
    pub(super) fn extras(&self) -> impl Iterator<Item = u32> + use<'p> {
        let count = u32::try_from(self.extras.len()).unwrap_or(u32::MAX);
        let first = self.first;
        (0..count).map(move |at| first + at)
    }

    /// The ends that are classes.
    pub(super) fn stayed(&self) -> &Members {
        &self.stayed
    }

    /// The class of an end.
    pub(super) fn class(&self, side: Side, end: u32) -> Option<ClassId> {
        match (self.extra(end), side) {
            (Some(extra), Side::Before) => extra.before,
            (Some(extra), Side::After) => extra.after,
            (None, _) => Some(ClassId(end)),
        }
    }

    /// The row of an end.
    pub(super) fn handle(&self, side: Side, direction: Direction, end: u32) -> Handle {
        let Some(class) = self.class(side, end) else { return Handle::Absent };
        let saved = match side {
            Side::Before if self.record.whole.is_none() => self.record.of_class(direction, class),
            Side::Before | Side::After => None,
        };
        match (saved, self.policy(side).row_id(direction, class)) {
            (Some(at), _) => Handle::Saved(at),
            (None, Some(id)) => Handle::Now(id),
            (None, None) => Handle::Absent,
        }
    }

    pub(super) fn row(&self, side: Side, direction: Direction, handle: Handle) -> Option<&'p Row> {
        match handle {
            Handle::Absent => None,
            Handle::Saved(at) => self.record.row(direction, at),
            Handle::Now(id) => self.policy(side).row_at(direction, id),
        }
    }

    /// The ends whose classes are in a set.
    pub(super) fn spread(&self, side: Side, classes: &Members) -> Members {
        let stayed = classes.intersection(&self.stayed);
        let [before, after] = &self.by_class;
        let by_class = match side {
            Side::Before => before,
            Side::After => after,
        };
        let extras: Members = if by_class.len() < classes.len() {
            let own = by_class.iter().filter(|(class, _)| classes.contains(**class));
            own.flat_map(|(_, ends)| ends).copied().collect()
        } else {
            classes.iter().filter_map(|class| by_class.get(&class)).flatten().copied().collect()
        };
        if extras.is_empty() { stayed } else { stayed.union(&extras) }
    }

    /// Those of some ends whose classes are in a set.
    pub(super) fn spread_among(&self, side: Side, classes: &Members, among: &Members) -> Members {
        if among.len() > 64 {
            return self.spread(side, classes).intersection(among);
        }
        let is_in = |end: &u32| self.class(side, *end).is_some_and(|own| classes.contains(own.0));
        among.iter().filter(is_in).collect()
    }

    /// Those of some ends that may have an address of a family.
    pub(super) fn with_family(&self, side: Side, ends: &Members, family: Family) -> Members {
        let lacking = self.policy(side).classes().lacking(family);
        if lacking.is_empty() {
            return ends.clone();
        }
        ends.difference(&self.spread(side, lacking))
    }

    /// How many endpoints an end has.
    pub(super) fn weight(&self, side: Side, end: u32) -> u64 {
        match (self.extra(end), side) {
            (Some(extra), Side::Before) => {
                extra.members.iter().filter(|one| one.before.is_some()).count() as u64
            }
            (Some(extra), Side::After) => {
                extra.members.iter().filter(|one| one.after.is_some()).count() as u64
            }
            (None, side) => {
                let class = self.after.classes().get(ClassId(end));
                let all = class.map_or(0, |class| class.endpoints.len() as u64);
                let after = all.saturating_sub(self.moved_into(ClassId(end)));
                let (came, went) =
                    self.joined.get(&end).map_or((0, 0), |(_, came, went)| (*came, *went));
                match side {
                    Side::After => after,
                    Side::Before => (after + went).saturating_sub(came),
                }
            }
        }
    }

    /// The endpoints of an end that came, went or changed.
    pub(super) fn moved(&self, end: u32) -> &[Moved<'p>] {
        match self.extra(end) {
            Some(extra) => &extra.members,
            None => self.joined.get(&end).map_or(&[], |(moved, ..)| moved),
        }
    }

    /// The endpoints of an end that stayed as they were.
    pub(super) fn stayed_in(&self, end: u32) -> impl Iterator<Item = (EndpointId, &'p Endpoint)> {
        let class = match self.extra(end) {
            Some(_) => None,
            None => self.after.classes().get(ClassId(end)),
        };
        let ids = class.into_iter().flat_map(|class| class.endpoints.iter().copied());
        let ids = ids.filter(|id| !self.end_of_new.contains_key(id));
        ids.filter_map(|id| Some((id, self.after.cluster().endpoint(id)?)))
    }

    /// The ends that are there on both sides with other numbers of endpoints.
    pub(super) fn resized(&self) -> BTreeSet<u32> {
        let all = self.joined.keys().copied().chain(self.extras());
        let is_on_both = |end: &u32| {
            self.class(Side::Before, *end).is_some() && self.class(Side::After, *end).is_some()
        };
        all.filter(is_on_both)
            .filter(|end| self.weight(Side::Before, *end) != self.weight(Side::After, *end))
            .collect()
    }

    /// Whether an end is one pod and no more, which has nothing to say to itself.
    pub(super) fn is_one_pod(&self, end: u32) -> bool {
        let few = |side| self.weight(side, end) <= 1;
        few(Side::Before) && few(Side::After) && {
            let moved = self.moved(end).iter();
            let mut moved =
                moved.flat_map(|one| one.before.into_iter().chain(one.after.map(|(_, own)| own)));
            moved.all(Endpoint::is_pod) && self.stayed_in(end).all(|(_, one)| one.is_pod())
        }
    }

    /// The kinds of what has a name, on either side.
    pub(super) fn kinds_of(&self, namespace: NamespaceId, name: &str) -> BTreeSet<&'p str> {
        let cluster = self.after.cluster();
        let gone = self.gone_kinds.get(&(namespace, name)).into_iter().flatten().copied();
        let endpoints = cluster.endpoints_named(namespace, name).map(|(kind, _)| kind.name());
        let units = cluster.stand_ins(namespace, name).map(|(kind, _)| kind);
        gone.chain(endpoints).chain(units).collect()
    }

    /// Whether all endpoints of a unit are in one end.
    pub(super) fn is_whole(&self, unit: UnitKey<'p>, end: u32) -> bool {
        if let Some(ends) = self.ends_of_unit.get(&unit)
            && ends.iter().any(|other| *other != end)
        {
            return false;
        }
        let (namespace, kind, name) = unit;
        let all = self.after.cluster().stand_ins(namespace, name);
        let mut ids = all.filter(|(own, _)| *own == kind).flat_map(|(_, ids)| ids);
        ids.all(|id| match self.end_of_new.get(id) {
            Some(own) => *own == end,
            None => self.after.class_of(*id).is_some_and(|class| class.0 == end),
        })
    }
}

/// What of a unit is not matched by name, and the pairs of classes that are.
#[derive(Default)]
struct Leftover<'p> {
    pairs: BTreeSet<(ClassId, ClassId)>,
    gone: Vec<(&'p Endpoint, ClassId)>,
    come: Vec<(EndpointId, &'p Endpoint, ClassId)>,
}
