//! What flows between some ends, block by block: every pair with a pod at an end is in one block,
//! whether anything flows or not. A pod's own node is no end of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ends::Ends;
use super::roster::Roster;
use crate::cluster::{EndpointId, Symbol, address, number};
use crate::compile::{Cell, ClassId, FAMILIES, Row, RowId, ValueId};
use crate::map::Map;
use crate::netset::{AddressSet, Direction, Family, Members};
use crate::query::{Member, Side, joint};

/// The blocks between some ends, one kind of end at a side.
pub(crate) struct Cells<'r, 'p> {
    roster: &'r Roster<'p>,
    of_values: Map<(ValueId, ValueId), u32>,
    ids: Map<Cell, u32>,
    list: Vec<Cell>,
    ranks: Map<Members, Members>,
}

impl<'r, 'p> Cells<'r, 'p> {
    pub(crate) fn new(roster: &'r Roster<'p>) -> Cells<'r, 'p> {
        Cells {
            roster,
            of_values: Map::default(),
            ids: Map::default(),
            list: Vec::new(),
            ranks: Map::default(),
        }
    }

    /// Hands on each block; `wanted` says of a cell whether blocks of it are wanted at all.
    pub(crate) fn each(
        &mut self,
        from: &Ends,
        to: &Ends,
        wanted: &dyn Fn(&Cell) -> bool,
        each: &mut dyn FnMut(Ends, Ends, &Cell),
    ) {
        self.pods(&from.pods, &to.pods, wanted, each);
        let of_addresses = |addresses| Ends { addresses, ..Ends::default() };
        self.outside(
            Direction::Ingress,
            &to.pods,
            &from.addresses,
            wanted,
            &mut |pods, out, cell| {
                each(of_addresses(out), Ends::of_pods(pods), cell);
            },
        );
        self.outside(
            Direction::Egress,
            &from.pods,
            &to.addresses,
            wanted,
            &mut |pods, out, cell| {
                each(Ends::of_pods(pods), of_addresses(out), cell);
            },
        );
        let of_node = |name: &str| Ends { nodes: [name.to_owned()].into(), ..Ends::default() };
        for name in &from.nodes {
            self.node(Direction::Ingress, &to.pods, name, wanted, &mut |pods, cell| {
                each(of_node(name), Ends::of_pods(pods), cell);
            });
        }
        for name in &to.nodes {
            self.node(Direction::Egress, &from.pods, name, wanted, &mut |pods, cell| {
                each(Ends::of_pods(pods), of_node(name), cell);
            });
        }
    }

    fn cell(&mut self, out: ValueId, into: ValueId) -> u32 {
        if let Some(&known) = self.of_values.get(&(out, into)) {
            return known;
        }
        let cell = self.roster.policy.values().combine(out, into);
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(cell.clone()).or_insert_with(|| {
            self.list.push(cell);
            next
        });
        self.of_values.insert((out, into), id);
        id
    }

    /// The ranks of classes among some.
    fn among(&mut self, classes: Members, some: &Members) -> Members {
        let roster = self.roster;
        self.ranks
            .entry(classes)
            .or_insert_with_key(|classes| roster.ranks(classes))
            .intersection(some)
    }

    /// The rows that some classes have, each with those.
    fn rows(&self, direction: Direction, classes: &Members) -> Vec<(&'p Row, Members)> {
        let policy = self.roster.policy;
        let mut rows: Vec<(&Row, Members)> = policy
            .rows_in_use(direction)
            .map(|(_, row)| (row, row.subjects.intersection(classes)))
            .filter(|(_, subjects)| !subjects.is_empty())
            .collect();
        rows.sort_by_key(|(_, subjects)| subjects.first());
        rows
    }

    fn pods(
        &mut self,
        from: &Members,
        to: &Members,
        wanted: &dyn Fn(&Cell) -> bool,
        each: &mut dyn FnMut(Ends, Ends, &Cell),
    ) {
        if from.is_empty() || to.is_empty() {
            return;
        }
        let (sources, targets) = (self.roster.classes(from), self.roster.classes(to));
        let policy = self.roster.policy;
        // Most sources are isolated by nothing and have one row.
        let open = policy
            .rows_in_use(Direction::Egress)
            .map(|(_, row)| row)
            .find(|row| row.key.policies.is_empty())
            .map(|row| (row, row.subjects.intersection(&sources)));
        let closed = match &open {
            Some((_, classes)) => sources.difference(classes),
            None => sources.clone(),
        };
        let nothing_wanted = wanted(&Cell::default());
        for (into_row, subjects) in self.rows(Direction::Ingress, &targets) {
            // By the destinations and the cell: sources of many egress rows may agree for these.
            let mut found: BTreeMap<(Members, u32), Vec<Members>> = BTreeMap::new();
            let mut rest = sources.clone();
            for (into, who) in &into_row.pieces {
                if nothing_wanted {
                    rest = rest.difference(who);
                }
                let mut parts: Vec<(&Row, Members)> = Vec::new();
                if let Some((row, classes)) = &open {
                    parts.push((*row, who.intersection(classes)));
                }
                let mut by_row: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
                for source in who.intersection(&closed).iter() {
                    if let Some(id) = policy.row_id(Direction::Egress, ClassId(source)) {
                        by_row.entry(id.0).or_default().push(source);
                    }
                }
                for (id, these) in by_row {
                    if let Some(row) = policy.row_at(Direction::Egress, RowId(id)) {
                        parts.push((row, Members::from_iter(these)));
                    }
                }
                for (out_row, these) in parts {
                    if these.is_empty() {
                        continue;
                    }
                    let mut left = subjects.clone();
                    for (out, reached) in &out_row.pieces {
                        let there = subjects.intersection(reached);
                        if there.is_empty() {
                            continue;
                        }
                        if nothing_wanted {
                            left = left.difference(&there);
                        }
                        let cell = self.cell(*out, *into);
                        found.entry((there, cell)).or_default().push(these.clone());
                    }
                    if nothing_wanted && !left.is_empty() {
                        let nothing = self.cell(ValueId::NOTHING, *into);
                        found.entry((left, nothing)).or_default().push(these);
                    }
                }
            }
            if nothing_wanted && !rest.is_empty() {
                let nothing = self.cell(ValueId::NOTHING, ValueId::NOTHING);
                found.entry((subjects.clone(), nothing)).or_default().push(rest);
            }
            for ((there, cell), these) in found {
                let Some(cell) = self.list.get(cell as usize).cloned() else { continue };
                if wanted(&cell) {
                    let from = self.among(Members::union_all(these.iter()), from);
                    let to = self.among(there, to);
                    each(Ends::of_pods(from), Ends::of_pods(to), &cell);
                }
            }
        }
    }

    fn outside(
        &mut self,
        direction: Direction,
        pods: &Members,
        addresses: &AddressSet,
        wanted: &dyn Fn(&Cell) -> bool,
        each: &mut dyn FnMut(Members, AddressSet, &Cell),
    ) {
        if pods.is_empty() || addresses.is_empty() {
            return;
        }
        let classes = self.roster.classes(pods);
        let policy = self.roster.policy;
        for (row, subjects) in self.rows(direction, &classes) {
            for family in FAMILIES {
                let own: Vec<(u128, u128)> = addresses
                    .ranges()
                    .filter(|(first, _)| Family::of(*first) == family)
                    .map(|(first, last)| (number(first), number(last)))
                    .collect();
                if own.is_empty() {
                    continue;
                }
                let lacking = subjects.intersection(policy.classes().lacking(family));
                let there = subjects.difference(&lacking);
                let mut by_cell: BTreeMap<Cell, Vec<(IpAddr, IpAddr)>> = BTreeMap::new();
                for (first, last, value) in row.runs(family) {
                    let cell = policy.values().alone(value);
                    if !wanted(&cell) {
                        continue;
                    }
                    let skip = own.partition_point(|(_, end)| *end < first);
                    let reach = own.iter().skip(skip).take_while(|(start, _)| *start <= last);
                    for (start, end) in reach {
                        let range = (first.max(*start), last.min(*end));
                        let range = (address(family, range.0), address(family, range.1));
                        by_cell.entry(cell.clone()).or_default().push(range);
                    }
                }
                for (cell, ranges) in by_cell {
                    self.ranges(&there, pods, &ranges, &cell, each);
                }
                let nothing = Cell::default();
                if wanted(&nothing) {
                    let all: Vec<(IpAddr, IpAddr)> = own
                        .iter()
                        .map(|(first, last)| (address(family, *first), address(family, *last)))
                        .collect();
                    self.ranges(&lacking, pods, &all, &nothing, each);
                }
            }
        }
    }

    /// Hands on classes with ranges, those aside in which every address is somebody's.
    fn ranges(
        &mut self,
        classes: &Members,
        pods: &Members,
        ranges: &[(IpAddr, IpAddr)],
        cell: &Cell,
        each: &mut dyn FnMut(Members, AddressSet, &Cell),
    ) {
        let free =
            ranges.iter().filter(|(first, last)| self.roster.first_free(*first, *last).is_some());
        let set = free.fold(AddressSet::empty(), |all, (first, last)| {
            all.union(&AddressSet::from_range(*first, *last))
        });
        if !classes.is_empty() && !set.is_empty() {
            let ranks = self.among(classes.clone(), pods);
            each(ranks, set, cell);
        }
    }

    fn node(
        &mut self,
        direction: Direction,
        pods: &Members,
        name: &str,
        wanted: &dyn Fn(&Cell) -> bool,
        each: &mut dyn FnMut(Members, &Cell),
    ) {
        let roster = self.roster;
        let policy = roster.policy;
        let cluster = policy.cluster();
        let Some(node) = cluster.node(name) else { return };
        let of = |family| node.addresses.iter().copied().find(|ip| Family::of(*ip) == family);
        let member =
            Member::Node { name: name.to_owned(), addresses: [of(Family::V4), of(Family::V6)] };
        let symbol: Option<Symbol> = cluster.symbols().get(name);
        let is_on = |rank: u32| {
            roster.endpoint(rank).is_some_and(|(_, own)| own.node.is_some() && own.node == symbol)
        };
        let pods: Members = pods.iter().filter(|rank| !is_on(*rank)).collect();
        let classes = roster.classes(&pods);
        for (_, subjects) in self.rows(direction, &classes) {
            // Those of one row differ in the families that they have.
            let mut alike = vec![subjects];
            for family in FAMILIES {
                let lacking = policy.classes().lacking(family);
                let parts = alike
                    .iter()
                    .flat_map(|part| [part.intersection(lacking), part.difference(lacking)]);
                alike = parts.filter(|part| !part.is_empty()).collect();
            }
            for part in alike {
                let ranks = self.among(part, &pods);
                let Some((id, _)) = ranks.first().and_then(|rank| roster.endpoint(rank)) else {
                    continue;
                };
                let Some(cell) = self.with_node(direction, id, &member) else { continue };
                if wanted(&cell) {
                    each(ranks, &cell);
                }
            }
        }
    }

    fn with_node(&self, direction: Direction, pod: EndpointId, node: &Member) -> Option<Cell> {
        let policy = self.roster.policy;
        let pod = Member::Endpoint(pod);
        let (pod, node) = (Side::of(policy, &pod)?, Side::of(policy, node)?);
        let joint = match direction {
            Direction::Ingress => joint(policy, &node, &pod, false),
            Direction::Egress => joint(policy, &pod, &node, false),
        };
        joint.map(|joint| joint.cell(policy))
    }
}
