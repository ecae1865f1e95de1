//! On which clauses a verdict hangs where administrators' policies select an end: every reading and
//! every world is looked at, and what makes a difference, all else being equal, is named.

use std::collections::BTreeSet;

use super::joint::{Joint, Reading, Side, is_node_of, with_end};
use crate::clause::Clause;
use crate::compile::{CompiledPolicy, FAMILIES, PortName, RowReading, Told, World};
use crate::limits;
use crate::netset::{Direction, Family, Protocol};
use crate::profile::OwnNodeEgress;

/// What may become of a flow, at an end or at all: both, where policies are alternatives (C28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct May {
    allow: bool,
    deny: bool,
}

/// The clauses on which the verdict of a port hangs.
pub(super) fn clauses_at(
    policy: &CompiledPolicy,
    from: &Side<'_>,
    to: &Side<'_>,
    joint: &Joint,
    protocol: Protocol,
    port: u16,
) -> Vec<Clause> {
    let asked = Asked { policy, from, to, protocol, port, names: names(policy, from, to) };
    // The readings of names are looked at apart, for rows do not settle all of them.
    let settings: Vec<&Reading> =
        joint.readings.iter().filter(|reading| reading.row.names == 0).collect();
    let meanings = 0..1_u16 << asked.names.len();
    let tables: Vec<Vec<Table>> = settings
        .iter()
        .map(|setting| meanings.clone().map(|names| asked.table(setting, names)).collect())
        .collect();
    let space = Space::of(&tables, &settings);
    let mut clauses = Vec::new();
    space.each(|point| {
        let verdicts = space.pairs(point, point);
        if verdicts.len() > 1 {
            clauses.push(Clause::MISSING_ADDRESS);
        }
        if verdicts.iter().any(|(own, _)| own.allow && own.deny) {
            clauses.push(Clause::EQUAL_RANK);
        }
        for (clause, other) in space.neighbours(point) {
            if space.pairs(point, other).iter().any(|(own, other)| own != other) {
                clauses.push(clause);
            }
        }
    });
    clauses.sort_unstable();
    clauses.dedup();
    clauses
}

/// The names of ports with several numbers on which either end hangs.
fn names(policy: &CompiledPolicy, from: &Side<'_>, to: &Side<'_>) -> Vec<PortName> {
    let Side::Endpoint(_, destination) = to else { return Vec::new() };
    let ends = [(Direction::Egress, from, to), (Direction::Ingress, to, from)];
    let of_end = |(direction, subject, peer): (Direction, &Side<'_>, &Side<'_>)| {
        with_end(policy, direction, subject, peer, (false, &[]), |end, _| {
            let names = end.names_with_several_numbers(Some(destination));
            let symbol = |(protocol, name): (Protocol, &str)| {
                policy.cluster().symbols().get(name).map(|name| PortName { name, protocol })
            };
            names.into_iter().filter_map(symbol).collect::<Vec<PortName>>()
        })
    };
    let mut names: Vec<PortName> = ends.into_iter().filter_map(of_end).flatten().collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(limits::JOINT_NAMES);
    names
}

/// One question.
struct Asked<'a, 's> {
    policy: &'a CompiledPolicy,
    from: &'a Side<'s>,
    to: &'a Side<'s>,
    protocol: Protocol,
    port: u16,
    names: Vec<PortName>,
}

/// What the source's egress and the destination's ingress may do in each family that both have.
type Table = Vec<[Worlds; 2]>;

impl Asked<'_, '_> {
    fn table(&self, setting: &Reading, names: u16) -> Table {
        let Asked { policy, from, to, .. } = self;
        let row = RowReading { names, ..setting.row };
        let all = setting.itself == Some(true);
        let out = all || setting.own_node == Some(OwnNodeEgress::Exempt);
        let into = all || is_node_of(policy, from, to, row.host_network);
        let there = FAMILIES.into_iter().filter(|family| from.has(*family) && to.has(*family));
        let ask = |family| {
            [
                self.worlds(Direction::Egress, from, to, family, row, out),
                self.worlds(Direction::Ingress, to, from, family, row, into),
            ]
        };
        there.map(ask).collect()
    }

    fn worlds(
        &self,
        direction: Direction,
        subject: &Side<'_>,
        peer: &Side<'_>,
        family: Family,
        row: RowReading,
        exempt: bool,
    ) -> Worlds {
        let mut worlds = Worlds { counts: [1; 4], may: Vec::new() };
        let with = (exempt, self.names.as_slice());
        let told = with_end(self.policy, direction, subject, peer, with, |end, other| {
            end.each_world(other, family, row, |world, outcome| {
                worlds.put(
                    world,
                    May {
                        allow: outcome.allow.contains(self.protocol, self.port),
                        deny: outcome.deny.contains(self.protocol, self.port),
                    },
                );
            })
        });
        match told {
            Some(Told::Worlds) => worlds,
            Some(Told::NoFamily) => Worlds::only(May { allow: false, deny: true }),
            // Everything is open, and too much to name what it hangs on one by one.
            Some(Told::TooMany) => Worlds {
                counts: [1, 1, 2, 1],
                may: [true, false].map(|allow| May { allow, deny: !allow }).into(),
            },
            // Whoever has no policy lets all through.
            None => Worlds::only(May { allow: true, deny: false }),
        }
    }
}

/// What an end may do with the port, world by world.
struct Worlds {
    /// How many there are by address, node, domain names and names of ports.
    counts: [usize; 4],
    /// In the order of worlds.
    may: Vec<May>,
}

impl Worlds {
    fn only(may: May) -> Worlds {
        Worlds { counts: [1; 4], may: vec![may] }
    }

    /// Adds what comes in order.
    fn put(&mut self, world: World, may: May) {
        let World { address, node, domain_names, port_names } = world;
        for (count, at) in
            self.counts.iter_mut().zip([address, node, domain_names, port_names].map(usize::from))
        {
            *count = (*count).max(at + 1);
        }
        self.may.push(may);
    }

    /// What it may do in a world; of facts that are settled there is one.
    fn at(&self, world: [usize; 4]) -> May {
        let place = self
            .counts
            .iter()
            .zip(world)
            .fold(0, |place, (count, at)| place * count + if *count == 1 { 0 } else { at });
        self.may.get(place).copied().unwrap_or(May { allow: false, deny: true })
    }
}

/// A reading of the clauses and of all facts but the addresses, by the index of each: the setting,
/// the names of ports that both ends hang on, the node, the domain names, and names of ports that
/// only the source's rules or the destination's hang on.
type Point = [usize; 6];

/// Every point.
struct Space<'a> {
    tables: &'a [Vec<Table>],
    settings: &'a [&'a Reading],
    counts: Point,
}

/// The clause of each axis of points but the first.
const AXES: [(usize, Clause); 5] = [
    (1, Clause::NAMED_PORT),
    (2, Clause::MISSING_FACT),
    (3, Clause::MISSING_FACT),
    (4, Clause::NAMED_PORT),
    (5, Clause::NAMED_PORT),
];

impl<'a> Space<'a> {
    fn of(tables: &'a [Vec<Table>], settings: &'a [&'a Reading]) -> Space<'a> {
        let all = || tables.iter().flatten().flatten();
        let most = |end: usize, fact: usize| {
            let counts = all().filter_map(|ends| ends.get(end)?.counts.get(fact).copied());
            counts.max().unwrap_or(1)
        };
        let counts = [
            tables.len(),
            tables.first().map_or(1, Vec::len),
            most(0, 1).max(most(1, 1)),
            most(0, 2).max(most(1, 2)),
            most(0, 3),
            most(1, 3),
        ];
        Space { tables, settings, counts }
    }

    fn each(&self, mut each: impl FnMut(Point)) {
        let [settings, names, nodes, domains, out_names, in_names] = self.counts;
        for setting in 0..settings {
            for name in 0..names {
                for node in 0..nodes {
                    for domain in 0..domains {
                        for out_name in 0..out_names {
                            for in_name in 0..in_names {
                                each([setting, name, node, domain, out_name, in_name]);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Points that differ from one in one thing, and the clause of that; enough of them to find
    /// every difference.
    fn neighbours(&self, point: Point) -> Vec<(Clause, Point)> {
        let mut found = Vec::new();
        for (axis, clause) in AXES {
            let mut other = point;
            if let Some(at) = other.get_mut(axis)
                && std::mem::take(at) != 0
            {
                found.push((clause, other));
            }
        }
        let [setting, rest @ ..] = point;
        let own = self.settings.get(setting);
        for (at, other) in self.settings.iter().enumerate().take(setting) {
            if let Some(clause) = own.and_then(|own| differ_by(own, other)) {
                let [name, node, domain, out_name, in_name] = rest;
                found.push((clause, [at, name, node, domain, out_name, in_name]));
            }
        }
        found
    }

    /// What becomes of the flow at one point and at another, wherever unknown addresses are.
    fn pairs(&self, one: Point, other: Point) -> BTreeSet<(May, May)> {
        let table = |point: Point| -> &[[Worlds; 2]] {
            let [setting, names, ..] = point;
            let own = self.tables.get(setting).and_then(|tables| tables.get(names));
            own.map_or(&[], Vec::as_slice)
        };
        let denied = May { allow: false, deny: true };
        let mut all = BTreeSet::from([(denied, denied)]);
        for ([out, into], [other_out, other_into]) in table(one).iter().zip(table(other)) {
            let outs = over_addresses([(out, out_facts(one)), (other_out, out_facts(other))]);
            let intos = over_addresses([(into, in_facts(one)), (other_into, in_facts(other))]);
            let mut with = BTreeSet::new();
            for (before, others_before) in &all {
                for (out, other_out) in &outs {
                    for (into, other_into) in &intos {
                        with.insert((
                            either(*before, both(*out, *into)),
                            either(*others_before, both(*other_out, *other_into)),
                        ));
                    }
                }
            }
            all = with;
        }
        all
    }
}

fn out_facts([_, _, node, domain, out_names, _]: Point) -> [usize; 3] {
    [node, domain, out_names]
}

fn in_facts([_, _, node, domain, _, in_names]: Point) -> [usize; 3] {
    [node, domain, in_names]
}

/// What an end may do at two points, for each address of the other end.
fn over_addresses([one, other]: [(&Worlds, [usize; 3]); 2]) -> BTreeSet<(May, May)> {
    let count = |worlds: &Worlds| worlds.counts.first().copied().unwrap_or(1);
    let at = |(worlds, [node, domain, names]): (&Worlds, [usize; 3]), address: usize| {
        worlds.at([address, node, domain, names])
    };
    let addresses = 0..count(one.0).max(count(other.0));
    addresses.map(|address| (at(one, address), at(other, address))).collect()
}

/// What both ends come to.
fn both(out: May, into: May) -> May {
    May { allow: out.allow && into.allow, deny: out.deny || into.deny }
}

/// What two families come to: a flow is of either.
fn either(one: May, other: May) -> May {
    May { allow: one.allow || other.allow, deny: one.deny && other.deny }
}

/// The one clause that two readings settle differently, if it is one.
fn differ_by(one: &Reading, other: &Reading) -> Option<Clause> {
    // C14 may be asked under one reading of C13 only: then it is no difference.
    let nodes = one.own_node.zip(other.own_node);
    let differences = [
        (one.row.host_network != other.row.host_network, Clause::HOST_NETWORK),
        (one.row.baseline != other.row.baseline, Clause::BASELINE_REACH),
        (nodes.is_some_and(|(one, other)| one != other), Clause::OWN_NODE),
        (one.itself != other.itself, Clause::ITSELF),
    ];
    let mut there = differences.into_iter().filter(|(differs, _)| *differs);
    match (there.next(), there.next()) {
        (Some((_, clause)), None) => Some(clause),
        _ => None,
    }
}
