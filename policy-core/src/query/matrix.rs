//! Who reaches whom on what: disjoint blocks, streamed.
//!
//! A pod to itself and its own node are left out (C14, C15).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{End, Meaning, Member, QuestionError, resolve};
use crate::cluster::{Cluster, EndpointId, address, number};
use crate::compile::{Cell, ClassId, CompiledPolicy, FAMILIES, Row, ValueId};
use crate::map::Map;
use crate::netset::{AddressSet, Direction, Family, Members};

/// Which part of the matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The sources; none for all.
    pub from: Option<Selection>,
    /// The destinations; none for all.
    pub to: Option<Selection>,
}

/// Some ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Pods and workloads.
    pub endpoints: BTreeSet<EndpointId>,
    /// Addresses outside.
    pub addresses: AddressSet,
}

impl Selection {
    /// What names mean: a namespace, `outside`, or an end as in a question.
    ///
    /// # Errors
    /// One of them means nobody.
    pub fn of(cluster: &Cluster, names: &[String]) -> Result<Selection, QuestionError> {
        let mut selection = Selection::default();
        for name in names {
            if name == "outside" {
                let all = FAMILIES.map(AddressSet::of_family);
                let all = all.iter().fold(AddressSet::empty(), |all, one| all.union(one));
                selection.addresses = selection.addresses.union(&all);
                continue;
            }
            if let Some(id) = cluster.find_namespace(name) {
                selection.endpoints.extend(cluster.endpoints_in(id).map(|(id, _)| id));
                continue;
            }
            let end: End = name.parse()?;
            let members = match resolve(cluster, &end, None, None)? {
                Meaning::Members(members) => members,
                Meaning::Backends(backends) => {
                    backends.iter().map(|one| Member::Endpoint(one.endpoint)).collect()
                }
                Meaning::UnknownBackends => {
                    return Err(QuestionError::UnknownService(name.clone()));
                }
            };
            for member in members {
                match member {
                    Member::Endpoint(id) => {
                        selection.endpoints.insert(id);
                    }
                    Member::Outside { first, last } => {
                        let range = AddressSet::from_range(first, last);
                        selection.addresses = selection.addresses.union(&range);
                    }
                    Member::Node { .. } | Member::Missing(_) => return Err(QuestionError::NoPod),
                }
            }
        }
        Ok(selection)
    }

    /// Only those of some namespaces, and no address outside.
    pub fn of_namespaces(cluster: &Cluster, names: &[String]) -> Selection {
        let ids = names.iter().filter_map(|name| cluster.find_namespace(name));
        let endpoints = ids.flat_map(|id| cluster.endpoints_in(id)).map(|(id, _)| id);
        Selection { endpoints: endpoints.collect(), addresses: AddressSet::empty() }
    }
}

/// Endpoints that nothing in use tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassEntry {
    /// Its number.
    pub id: ClassId,
    /// Its namespace.
    pub namespace: String,
    /// The labels that some selector asks for, by key.
    pub labels: Vec<(String, String)>,
    /// Its endpoints, by name.
    pub members: Vec<EndpointId>,
}

/// One side of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockEnds {
    /// Classes, by number.
    pub classes: Members,
    /// Ranges of addresses outside, IPv4 first.
    pub addresses: Vec<(IpAddr, IpAddr)>,
}

/// What flows from each of some to each of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The sources.
    pub from: BlockEnds,
    /// The destinations.
    pub to: BlockEnds,
    /// What flows: the same for each pair, and not nothing.
    pub cell: Cell,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Classes with an endpoint.
    pub classes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Pairs of classes between which something flows, or may.
    pub class_pairs: u64,
    /// Pairs of pods, each with another, between which something flows, or may.
    pub pod_pairs: u64,
}

/// The classes of a matrix, by number.
pub fn classes(policy: &CompiledPolicy, filter: &Filter) -> Vec<ClassEntry> {
    let cluster = policy.cluster();
    let chosen = |id: &EndpointId| {
        let by = |side: &Option<Selection>| side.as_ref().is_none_or(|s| s.endpoints.contains(id));
        by(&filter.from) || by(&filter.to)
    };
    let mut entries = Vec::new();
    for id in policy.classes().ids() {
        let Some(class) = policy.classes().get(id) else { continue };
        let mut members: Vec<EndpointId> =
            class.endpoints.iter().copied().filter(|id| chosen(id)).collect();
        if members.is_empty() {
            continue;
        }
        members.sort_by_key(|id| cluster.endpoint(*id).map(|one| (one.name.clone(), one.kind)));
        let text = |symbol| cluster.symbols().text(symbol).to_owned();
        let mut labels: Vec<(String, String)> =
            class.key.labels.iter().map(|(key, value)| (text(*key), text(*value))).collect();
        labels.sort();
        let namespace = cluster.namespace(class.key.namespace);
        let namespace = namespace.map_or_else(String::new, |namespace| namespace.name.clone());
        entries.push(ClassEntry { id, namespace, labels, members });
    }
    entries
}

/// The blocks of a matrix, each handed on as it is found: disjoint, and together all that flows.
///
/// They come by what admits them: first those into pods, by the first class of those that the
/// same rules isolate, then those out to addresses; among these by destinations and sources.
pub fn matrix(policy: &CompiledPolicy, filter: &Filter, mut each: impl FnMut(&Block)) -> Counts {
    let work = Work::new(policy, filter);
    let mut counts = Counts { classes: work.count_classes(), ..Counts::default() };
    let mut emit = |block: &Block| {
        counts.blocks += 1;
        let (from, to) = (&block.from.classes, &block.to.classes);
        if !from.is_empty() && !to.is_empty() {
            counts.class_pairs += from.len() as u64 * to.len() as u64;
            counts.pod_pairs += work.pod_pairs(from, to);
        }
        each(block);
    };
    let mut rows: Vec<(&Row, Members)> = policy
        .rows_in_use(Direction::Ingress)
        .map(|(_, row)| (row, row.subjects.intersection(&work.to.classes)))
        .filter(|(_, subjects)| !subjects.is_empty())
        .collect();
    rows.sort_by_key(|(_, subjects)| subjects.first());
    let mut cells = Cells::new(policy);
    for (row, subjects) in rows {
        let mut blocks = work.blocks_into(row, &subjects, &mut cells);
        let outside = &work.from.addresses;
        blocks.extend(with_outside(policy, row, &subjects, outside).into_iter().map(
            |(classes, addresses, cell)| Block {
                from: BlockEnds { classes: Members::empty(), addresses },
                to: BlockEnds { classes, addresses: Vec::new() },
                cell,
            },
        ));
        blocks.sort_by(|a, b| (&a.to, &a.from, &a.cell).cmp(&(&b.to, &b.from, &b.cell)));
        blocks.iter().for_each(&mut emit);
    }
    let mut rows: Vec<(&Row, Members)> = policy
        .rows_in_use(Direction::Egress)
        .map(|(_, row)| (row, row.subjects.intersection(&work.from.classes)))
        .filter(|(_, subjects)| !subjects.is_empty())
        .collect();
    rows.sort_by_key(|(_, subjects)| subjects.first());
    for (row, subjects) in rows {
        let parts = with_outside(policy, row, &subjects, &work.to.addresses);
        let mut blocks: Vec<Block> = parts
            .into_iter()
            .map(|(classes, addresses, cell)| Block {
                from: BlockEnds { classes, addresses: Vec::new() },
                to: BlockEnds { classes: Members::empty(), addresses },
                cell,
            })
            .collect();
        blocks.sort_by(|a, b| (&a.from, &a.to, &a.cell).cmp(&(&b.from, &b.to, &b.cell)));
        blocks.iter().for_each(&mut emit);
    }
    counts
}

/// What one side of the matrix holds.
struct Side {
    classes: Members,
    /// How many endpoints of each class are chosen.
    weights: Vec<u64>,
    addresses: AddressSet,
}

impl Side {
    fn new(policy: &CompiledPolicy, selection: Option<&Selection>) -> Side {
        let classes = policy.classes();
        let mut weights = vec![0; classes.len()];
        for (weight, id) in weights.iter_mut().zip(classes.ids()) {
            let Some(class) = classes.get(id) else { continue };
            *weight = match selection {
                None => class.endpoints.len() as u64,
                Some(chosen) => {
                    let own = class.endpoints.iter();
                    own.filter(|id| chosen.endpoints.contains(id)).count() as u64
                }
            };
        }
        let chosen = (0..).zip(&weights).filter(|(_, weight)| **weight > 0);
        let addresses = match selection {
            Some(chosen) => chosen.addresses.clone(),
            None => FAMILIES
                .map(AddressSet::of_family)
                .iter()
                .fold(AddressSet::empty(), |all, one| all.union(one)),
        };
        Side { classes: chosen.map(|(class, _)| class).collect(), weights, addresses }
    }

    fn weight(&self, classes: &Members) -> u64 {
        classes.iter().filter_map(|class| self.weights.get(class as usize)).sum()
    }
}

struct Work<'p> {
    policy: &'p CompiledPolicy,
    from: Side,
    to: Side,
    /// How many pods of each class are on both sides: each of them leaves out itself.
    selves: Vec<u64>,
    /// Those of `from` that nothing isolates for egress, and their row.
    open: Option<(&'p Row, Members)>,
    /// The others.
    closed: Members,
}

impl<'p> Work<'p> {
    fn new(policy: &'p CompiledPolicy, filter: &Filter) -> Work<'p> {
        let from = Side::new(policy, filter.from.as_ref());
        let to = Side::new(policy, filter.to.as_ref());
        let on = |side: &Option<Selection>, id: &EndpointId| {
            side.as_ref().is_none_or(|chosen| chosen.endpoints.contains(id))
        };
        let is_self = |id: &&EndpointId| {
            let is_pod = policy.cluster().endpoint(**id).is_some_and(|one| one.is_pod());
            is_pod && on(&filter.from, id) && on(&filter.to, id)
        };
        let selves = policy.classes().ids().map(|id| {
            let own = policy.classes().get(id).map_or(&[][..], |class| &class.endpoints);
            own.iter().filter(is_self).count() as u64
        });
        let selves = selves.collect();
        let open_row = policy
            .rows_in_use(Direction::Egress)
            .map(|(_, row)| row)
            .find(|row| row.key.policies.is_empty());
        let open = open_row.map(|row| (row, row.subjects.intersection(&from.classes)));
        let closed = match &open {
            Some((_, classes)) => from.classes.difference(classes),
            None => from.classes.clone(),
        };
        Work { policy, from, to, selves, open, closed }
    }

    fn count_classes(&self) -> u64 {
        self.from.classes.union(&self.to.classes).len() as u64
    }

    fn pod_pairs(&self, from: &Members, to: &Members) -> u64 {
        let both = from.intersection(to);
        let selves: u64 = both.iter().filter_map(|class| self.selves.get(class as usize)).sum();
        (self.from.weight(from) * self.to.weight(to)).saturating_sub(selves)
    }

    /// The blocks from pods to those that have one row for ingress.
    fn blocks_into(&self, row: &Row, subjects: &Members, cells: &mut Cells<'_>) -> Vec<Block> {
        // Sources by what flows to whom: sources of many egress rows may agree for these few.
        let mut found: BTreeMap<(Members, u32), Vec<Members>> = BTreeMap::new();
        let mut by_row: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (into, sources) in &row.pieces {
            if let Some((open_row, open)) = &self.open {
                let these = sources.intersection(open);
                if !these.is_empty() {
                    cells.add(open_row, *into, subjects, &these, &mut found);
                }
            }
            by_row.clear();
            for source in sources.intersection(&self.closed).iter() {
                if let Some(id) = self.policy.row_id(Direction::Egress, ClassId(source)) {
                    by_row.entry(id.0).or_default().push(source);
                }
            }
            for (id, these) in &by_row {
                let id = crate::compile::RowId(*id);
                if let Some(out) = self.policy.row_at(Direction::Egress, id) {
                    let these: Members = these.iter().copied().collect();
                    cells.add(out, *into, subjects, &these, &mut found);
                }
            }
        }
        found
            .into_iter()
            .filter_map(|((to, cell), from)| {
                Some(Block {
                    from: BlockEnds {
                        classes: Members::union_all(from.iter()),
                        addresses: Vec::new(),
                    },
                    to: BlockEnds { classes: to, addresses: Vec::new() },
                    cell: cells.list.get(cell as usize)?.clone(),
                })
            })
            .collect()
    }
}

/// Cells by the values that they come from.
struct Cells<'p> {
    policy: &'p CompiledPolicy,
    of_values: Map<(ValueId, ValueId), u32>,
    ids: Map<Cell, u32>,
    list: Vec<Cell>,
}

impl<'p> Cells<'p> {
    fn new(policy: &'p CompiledPolicy) -> Cells<'p> {
        let mut cells =
            Cells { policy, of_values: Map::default(), ids: Map::default(), list: Vec::new() };
        cells.ids.insert(Cell::default(), 0);
        cells.list.push(Cell::default());
        cells
    }

    /// The number of the cell of two values; 0 is the one in which nothing flows.
    fn of(&mut self, out: ValueId, into: ValueId) -> u32 {
        if let Some(&known) = self.of_values.get(&(out, into)) {
            return known;
        }
        let cell = self.policy.values().combine(out, into);
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(cell.clone()).or_insert_with(|| {
            self.list.push(cell);
            next
        });
        self.of_values.insert((out, into), id);
        id
    }

    fn add(
        &mut self,
        out: &Row,
        into: ValueId,
        subjects: &Members,
        sources: &Members,
        found: &mut BTreeMap<(Members, u32), Vec<Members>>,
    ) {
        for (value, destinations) in &out.pieces {
            let to = subjects.intersection(destinations);
            if to.is_empty() {
                continue;
            }
            let cell = self.of(*value, into);
            if cell != 0 {
                found.entry((to, cell)).or_default().push(sources.clone());
            }
        }
    }
}

type OutsidePart = (Members, Vec<(IpAddr, IpAddr)>, Cell);

/// What flows between the subjects of a row and addresses outside: who, where, what.
fn with_outside(
    policy: &CompiledPolicy,
    row: &Row,
    subjects: &Members,
    chosen: &AddressSet,
) -> Vec<OutsidePart> {
    let mut found: BTreeMap<(Members, Cell), Vec<(IpAddr, IpAddr)>> = BTreeMap::new();
    for family in FAMILIES {
        let there = subjects.difference(policy.classes().lacking(family));
        if there.is_empty() {
            continue;
        }
        for (cell, ranges) in outside_ranges(policy, row, family, chosen) {
            found.entry((there.clone(), cell)).or_default().extend(ranges);
        }
    }
    found.into_iter().map(|((classes, cell), ranges)| (classes, ranges, cell)).collect()
}

/// What flows with the addresses of a family, by what flows.
fn outside_ranges(
    policy: &CompiledPolicy,
    row: &Row,
    family: Family,
    chosen: &AddressSet,
) -> BTreeMap<Cell, Vec<(IpAddr, IpAddr)>> {
    let mut found: BTreeMap<Cell, Vec<(IpAddr, IpAddr)>> = BTreeMap::new();
    let own: Vec<(u128, u128)> = chosen
        .ranges()
        .filter(|(first, _)| Family::of(*first) == family)
        .map(|(first, last)| (number(first), number(last)))
        .collect();
    for (first, last, value) in row.runs(family) {
        let cell = policy.values().alone(value);
        if cell.is_denied() {
            continue;
        }
        let from = own.partition_point(|(_, own_last)| *own_last < first);
        let reach = own.iter().skip(from).take_while(|(own_first, _)| *own_first <= last);
        for (own_first, own_last) in reach {
            let range =
                (address(family, first.max(*own_first)), address(family, last.min(*own_last)));
            let list = found.entry(cell.clone()).or_default();
            match list.last_mut() {
                // Runs that differ in a reading only may allow the same.
                Some((_, end)) if number(*end).checked_add(1) == Some(number(range.0)) => {
                    *end = range.1;
                }
                _ => list.push(range),
            }
        }
    }
    found
}

/// An end of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairEnd<'a> {
    /// A workload, or a pod that has none or differs from the other pods of its workload.
    Workload(&'a str),
    /// Ranges of addresses outside.
    Addresses(&'a [(IpAddr, IpAddr)]),
}

/// A workload whose pods nothing tells apart, or one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `NAMESPACE/NAME`, with the kind in front where that would name two.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The class of its pods.
    pub class: ClassId,
    /// How many pods it stands for; a template for one.
    pub endpoints: Vec<EndpointId>,
    /// Whether it is one pod, which has nothing to say to itself.
    pub is_one_pod: bool,
}

/// The workloads of a cluster, by namespace and name. Pods of one workload that something tells
/// apart stand for themselves.
pub fn units(policy: &CompiledPolicy, selection: Option<&Selection>) -> Vec<Unit> {
    let cluster = policy.cluster();
    type Key = (String, String, String);
    let mut groups: BTreeMap<Key, Vec<(EndpointId, ClassId)>> = BTreeMap::new();
    for (id, endpoint) in cluster.endpoints() {
        if selection.is_some_and(|chosen| !chosen.endpoints.contains(&id)) {
            continue;
        }
        let Some(class) = policy.class_of(id) else { continue };
        let namespace = cluster.namespace(endpoint.namespace);
        let namespace = namespace.map_or_else(String::new, |namespace| namespace.name.clone());
        let (kind, name) = match &endpoint.workload {
            Some(workload) => (workload.kind.clone(), workload.name.clone()),
            None => (endpoint.kind.name().to_owned(), endpoint.name.to_string()),
        };
        groups.entry((namespace, name, kind)).or_default().push((id, class));
    }
    let mut named: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (namespace, name, _) in groups.keys() {
        *named.entry((namespace.clone(), name.clone())).or_default() += 1;
    }
    let mut units = Vec::new();
    for ((namespace, name, kind), members) in groups {
        let first = members.first().map(|(_, class)| *class);
        let is_one = members.iter().all(|(_, class)| Some(*class) == first);
        let is_pod = |id| cluster.endpoint(id).is_some_and(|endpoint| endpoint.is_pod());
        if let (Some(class), true) = (first, is_one) {
            let shared = named.get(&(namespace.clone(), name.clone())).is_some_and(|n| *n > 1);
            let display = if shared {
                format!("{}/{namespace}/{name}", kind.to_ascii_lowercase())
            } else {
                format!("{namespace}/{name}")
            };
            let endpoints: Vec<EndpointId> = members.iter().map(|(id, _)| *id).collect();
            let is_one_pod = matches!(endpoints.as_slice(), [only] if is_pod(*only));
            units.push(Unit { name: display, namespace, class, endpoints, is_one_pod });
            continue;
        }
        for (id, class) in members {
            units.push(Unit {
                name: cluster.display(id),
                namespace: namespace.clone(),
                class,
                endpoints: vec![id],
                is_one_pod: is_pod(id),
            });
        }
    }
    units
}

/// A row for every pair of workloads, or a workload and addresses outside, with a connection, each
/// handed on as it is found: by source, then by destination, addresses last.
pub fn pairs(
    policy: &CompiledPolicy,
    filter: &Filter,
    mut each: impl FnMut(&PairEnd<'_>, &PairEnd<'_>, &Cell),
) {
    let sources = units(policy, filter.from.as_ref());
    let targets = units(policy, filter.to.as_ref());
    let (from_side, to_side) = (
        Side::new(policy, filter.from.as_ref()).addresses,
        Side::new(policy, filter.to.as_ref()).addresses,
    );
    let mut cells = Cells::new(policy);
    let mut of_target: Vec<u32> = Vec::new();
    let mut last: Option<ClassId> = None;
    for source in &sources {
        if last != Some(source.class) {
            last = Some(source.class);
            of_target.clear();
            let out = policy.row(Direction::Egress, source.class);
            for target in &targets {
                let into = policy.row(Direction::Ingress, target.class);
                of_target.push(match (out, into) {
                    (Some(out), Some(into)) => {
                        cells.of(out.value(target.class.0), into.value(source.class.0))
                    }
                    _ => 0,
                });
            }
        }
        for (target, cell) in targets.iter().zip(&of_target) {
            let is_itself = source.is_one_pod && source.endpoints == target.endpoints;
            if let (true, Some(cell)) = (*cell != 0 && !is_itself, cells.list.get(*cell as usize)) {
                each(&PairEnd::Workload(&source.name), &PairEnd::Workload(&target.name), cell);
            }
        }
        for (addresses, cell) in outside_of(policy, Direction::Egress, source.class, &to_side) {
            each(&PairEnd::Workload(&source.name), &PairEnd::Addresses(&addresses), &cell);
        }
    }
    for target in &targets {
        for (addresses, cell) in outside_of(policy, Direction::Ingress, target.class, &from_side) {
            each(&PairEnd::Addresses(&addresses), &PairEnd::Workload(&target.name), &cell);
        }
    }
}

/// What flows between a class and the addresses outside: where, what.
pub fn outside_of(
    policy: &CompiledPolicy,
    direction: Direction,
    class: ClassId,
    chosen: &AddressSet,
) -> Vec<(Vec<(IpAddr, IpAddr)>, Cell)> {
    let Some(row) = policy.row(direction, class) else { return Vec::new() };
    let parts = with_outside(policy, row, &Members::single(class.0), chosen);
    parts.into_iter().map(|(_, ranges, cell)| (ranges, cell)).collect()
}
