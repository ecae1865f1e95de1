//! Rows: what an end lets through, with whom. One for each behaviour that endpoints have in a
//! direction, whatever their number.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::class::{Classes, FAMILIES, of};
use super::layered::{Layered, Layers, Outside};
use super::plan::{BlockId, MatchPlan, Plans, PortName};
use super::tier::{Meant, RowReading, meant};
use super::value::{Pair, TrafficId, ValueId, Values};
use crate::cluster::{Cluster, NamedPort, last_address};
use crate::netset::{Direction, Family, IntervalSet, Members, PortSet, Traffic};
use crate::profile::{BlockCovers, HostNetwork, Profile};
use crate::rulebook::{PolicyId, Rulebook, Tier};

/// The index of a row among those of its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowId(pub(crate) u32);

/// What makes two subjects behave alike in a direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowKey {
    /// The policies that select it and speak of the direction, sorted.
    pub(crate) policies: Box<[PolicyId]>,
    /// For ingress, its numbers for the port names of those policies.
    pub(crate) ports: Box<[NamedPort]>,
    /// Whether it is on the host's network, so that the policies count in some readings only.
    pub(crate) host_network: bool,
    /// Whether a NetworkPolicy isolates it for the other direction only, where that matters (C16).
    pub(crate) selected_elsewhere: bool,
}

impl RowKey {
    /// The behaviour of whoever is not isolated.
    pub(crate) fn open() -> RowKey {
        RowKey {
            policies: [].into(),
            ports: [].into(),
            host_network: false,
            selected_elsewhere: false,
        }
    }
}

/// What an end lets through, with whom.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: RowKey,
    /// Who behaves so.
    pub(crate) subjects: Members,
    /// The classes with which something flows, by what flows; disjoint.
    pub(crate) pieces: Vec<(ValueId, Members)>,
    /// For each family, what flows with the addresses from a number on up to the next.
    pub(crate) outside: Arc<Outside>,
    /// What flows with an address that no block covers, whichever it is.
    pub(crate) uncovered: ValueId,
    /// What flows with an address that nobody knows: for certain what flows with any.
    pub(crate) anywhere: ValueId,
    /// Whether administrators' policies are among those that select it: then what flows with a node
    /// is asked of the tiers themselves, and not of `uncovered` and `anywhere`.
    pub(crate) is_layered: bool,
}

impl Row {
    /// Takes up what flows with classes that it does not hold yet.
    pub(crate) fn take_up(&mut self, part: Row) {
        for (value, members) in part.pieces {
            match self.pieces.iter_mut().find(|(own, _)| *own == value) {
                Some((_, own)) => *own = own.union(&members),
                None => self.pieces.push((value, members)),
            }
        }
    }

    /// What flows with a class.
    pub(crate) fn value(&self, class: u32) -> ValueId {
        let piece = self.pieces.iter().find(|(_, members)| members.contains(class));
        piece.map_or(ValueId::NOTHING, |(value, _)| *value)
    }

    /// What flows with an address, seen as one outside of the cluster.
    pub(crate) fn value_outside(&self, family: Family, address: u128) -> ValueId {
        let runs = of(&self.outside, family);
        let after = runs.partition_point(|(start, _)| *start <= address);
        let run = after.checked_sub(1).and_then(|at| runs.get(at));
        run.map_or(ValueId::NOTHING, |(_, value)| *value)
    }

    /// The runs of addresses of a family: first, last, what flows.
    pub(crate) fn runs(&self, family: Family) -> impl Iterator<Item = (u128, u128, ValueId)> {
        let runs = of(&self.outside, family);
        let ends = runs.iter().skip(1).map(|(start, _)| start.saturating_sub(1));
        let ends = ends.chain([last_address(family)]);
        runs.iter().zip(ends).map(|((first, value), last)| (*first, last, *value))
    }
}

/// What rows are worked out from.
pub(crate) struct Ground<'a> {
    pub(crate) profile: Profile,
    pub(crate) readings: &'a [RowReading],
    /// The names of ports that the readings settle.
    pub(crate) joint: &'a [PortName],
    pub(crate) rulebook: &'a Rulebook,
    pub(crate) cluster: &'a Cluster,
    pub(crate) classes: &'a Classes,
    pub(crate) plans: &'a Plans,
}

/// What a row says, over a set of classes.
struct Pieces<'a> {
    list: Vec<(Vec<Pair>, Members)>,
    values: &'a mut Values,
}

impl Pieces<'_> {
    /// Adds traffic in some slots, with the classes of a set.
    fn add(&mut self, set: &Members, slots: &[bool], pair: Pair) {
        if pair == Pair::NOTHING || set.is_empty() {
            return;
        }
        self.change(set, slots, |values, own| values.union_pairs(own, pair));
    }

    /// Takes all traffic out of some slots, with the classes of a set.
    fn clear(&mut self, set: &Members, slots: &[bool]) {
        if !set.is_empty() {
            self.change(set, slots, |_, _| Pair::NOTHING);
        }
    }

    fn change(&mut self, set: &Members, slots: &[bool], to: impl Fn(&mut Values, Pair) -> Pair) {
        let mut new: Vec<(Vec<Pair>, Members)> = Vec::with_capacity(self.list.len() + 1);
        for (value, members) in std::mem::take(&mut self.list) {
            let changed: Vec<Pair> = value
                .iter()
                .zip(slots)
                .map(|(own, here)| if *here { to(self.values, *own) } else { *own })
                .collect();
            if changed == value {
                put(&mut new, value, members);
                continue;
            }
            let within = members.intersection(set);
            if within.is_empty() {
                put(&mut new, value, members);
            } else {
                let rest = members.difference(&within);
                put(&mut new, changed, within);
                if !rest.is_empty() {
                    put(&mut new, value, rest);
                }
            }
        }
        self.list = new;
    }
}

/// Adds a piece, to one of the same value where there is one.
fn put(list: &mut Vec<(Vec<Pair>, Members)>, value: Vec<Pair>, members: Members) {
    match list.iter_mut().find(|(own, _)| *own == value) {
        Some((_, own)) => *own = own.union(&members),
        None => list.push((value, members)),
    }
}

/// A rule's share: traffic, with whom.
#[derive(Default)]
struct Shares {
    /// With everyone, inside and outside.
    everyone: Option<Pair>,
    /// With pods, by traffic.
    pods: BTreeMap<Pair, Vec<Members>>,
    /// With addresses: what is given by number, and the names.
    blocks: Vec<(Pair, Vec<PortName>, BlockId)>,
}

/// Works out the outside and the uncovered part of a row, and its pieces over a set of classes.
///
/// Where administrators' policies speak of it and the set is not of all classes, the outside is left
/// out: whoever asks for a part has it.
pub(crate) fn work_out(
    ground: &Ground<'_>,
    values: &mut Values,
    layers: &mut Layers,
    direction: Direction,
    key: RowKey,
    universe: &Members,
) -> Row {
    let readings = ground.readings;
    let tier_of = |id: &PolicyId| ground.plans.get(*id).map(|plan| plan.tier);
    let is_isolated = key.policies.iter().any(|id| tier_of(id) == Some(Tier::NetworkPolicy));
    let is_layered = key.policies.iter().any(|id| tier_of(id) != Some(Tier::NetworkPolicy));
    let isolated: Vec<bool> = readings
        .iter()
        .flat_map(|reading| {
            let is_subject = match reading.host_network {
                HostNetwork::Ordinary => true,
                HostNetwork::Node => !key.host_network,
            };
            [is_subject && is_isolated; 2]
        })
        .collect();
    let in_family = |family: Family, only: &[bool]| -> Vec<bool> {
        let own = |slot: usize| slot % 2 == usize::from(family == Family::V6);
        only.iter().enumerate().map(|(slot, here)| *here && own(slot)).collect()
    };
    // Where a pod on the host's network is a pod as any other.
    let ordinary: Vec<bool> = readings
        .iter()
        .flat_map(|reading| [reading.host_network == HostNetwork::Ordinary; 2])
        .zip(&isolated)
        .map(|(ordinary, isolated)| ordinary && *isolated)
        .collect();

    let parts = parts(ground, values, direction, &key);
    let start: Vec<Pair> = (0..)
        .zip(&isolated)
        .map(|(slot, isolated)| match parts.iter().find(|part| part.holds(slot)) {
            Some(part) if *isolated => part.shares.everyone.unwrap_or(Pair::NOTHING),
            _ => Pair::ALL,
        })
        .collect();
    let covers = ground.profile.block_covers() == BlockCovers::EveryAddress;

    let hosts = ground.classes.host_network();
    let mut pieces = Pieces { list: vec![(start.clone(), universe.clone())], values };
    for part in &parts {
        let (isolated, ordinary) = (part.among(&isolated), part.among(&ordinary));
        for (pair, sets) in &part.shares.pods {
            let set = Members::union_all(sets.iter());
            if hosts.is_empty() {
                pieces.add(&set, &isolated, *pair);
            } else {
                pieces.add(&set.difference(hosts), &isolated, *pair);
                pieces.add(&set.intersection(hosts), &ordinary, *pair);
            }
        }
    }
    let mut anywhere = start.clone();
    let mut outside: Outside = [Vec::new(), Vec::new()];
    for (family, outside) in FAMILIES.into_iter().zip(&mut outside) {
        // By part, what blocks let through by number.
        let mut fixed: Vec<Vec<(u128, Pair)>> = Vec::with_capacity(parts.len());
        for part in &parts {
            let own = runs(&part.shares, ground.plans, family, pieces.values);
            let slots = in_family(family, &part.among(&isolated));
            let as_pods = in_family(family, &part.among(&ordinary));
            if covers {
                add_known(&mut pieces, ground, part, family, &slots, &as_pods);
                add_unknown(&mut pieces, ground, part, family, &slots, &as_pods, &own);
                for (_, pair) in &own {
                    let some = Pair { certain: TrafficId::NOTHING, possible: pair.possible };
                    for (own, _) in anywhere.iter_mut().zip(&slots).filter(|(_, here)| **here) {
                        *own = pieces.values.union_pairs(*own, some);
                    }
                }
            }
            fixed.push(own);
        }
        let mut starts: Vec<u128> = fixed.iter().flatten().map(|(start, _)| *start).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut slots = start.clone();
        for start_at in starts {
            for (slot, own) in slots.iter_mut().enumerate() {
                let open = !isolated.get(slot).copied().unwrap_or(false);
                let here = slot % 2 == usize::from(family == Family::V6);
                let everyone = start.get(slot).copied().unwrap_or(Pair::NOTHING);
                *own = match (here, open) {
                    (false, _) => Pair::NOTHING,
                    (true, true) => Pair::ALL,
                    (true, false) => {
                        let runs = parts.iter().zip(&fixed).find(|(part, _)| part.holds(slot));
                        let pair = runs.map_or(Pair::NOTHING, |(_, runs)| run_at(runs, start_at));
                        pieces.values.union_pairs(everyone, pair)
                    }
                };
            }
            let value = pieces.values.value_id(&slots);
            if outside.last().is_none_or(|(_, last)| *last != value) {
                outside.push((start_at, value));
            }
        }
    }
    let outside = if is_layered {
        let (number, layer) = layers.get(ground, pieces.values, direction, &key, universe);
        let layer = &layer;
        let end = Layered { ground, direction, key: &key, is_isolated, number, layer };
        pieces.list = end.pieces(pieces.values, layers, std::mem::take(&mut pieces.list));
        match universe == ground.classes.all() {
            true => end.outside(pieces.values, layers, outside),
            false => Arc::default(),
        }
    } else {
        Arc::new(outside)
    };
    for family in FAMILIES {
        let here: Vec<bool> = in_family(family, &vec![true; isolated.len()]);
        pieces.clear(ground.classes.lacking(family), &here);
    }

    let list = std::mem::take(&mut pieces.list);
    let uncovered = values.value_id(&start);
    let anywhere = values.value_id(&anywhere);
    let mut by_value: Vec<(ValueId, Members)> = list
        .into_iter()
        .map(|(value, members)| (values.value_id(&value), members))
        .filter(|(value, members)| *value != ValueId::NOTHING && !members.is_empty())
        .collect();
    by_value.sort_by_key(|(_, members)| members.first());
    Row {
        key,
        subjects: Members::empty(),
        pieces: by_value,
        outside,
        uncovered,
        anywhere,
        is_layered,
    }
}

/// What the NetworkPolicies of a row say where names of ports mean the same.
struct Part {
    shares: Shares,
    /// What the names that readings settle mean here.
    names: u16,
    /// The slots of the readings that settle them so.
    slots: Vec<bool>,
}

impl Part {
    fn holds(&self, slot: usize) -> bool {
        self.slots.get(slot).copied().unwrap_or(false)
    }

    /// Its own among some slots.
    fn among(&self, slots: &[bool]) -> Vec<bool> {
        slots.iter().zip(&self.slots).map(|(here, own)| *here && *own).collect()
    }
}

/// One part for all readings, or one for each way in which they settle names that the row's
/// NetworkPolicies use.
fn parts(
    ground: &Ground<'_>,
    values: &mut Values,
    direction: Direction,
    key: &RowKey,
) -> Vec<Part> {
    let hangs_on_names = key
        .policies
        .iter()
        .filter_map(|id| ground.plans.get(*id))
        .filter(|plan| plan.tier == Tier::NetworkPolicy)
        .filter_map(|plan| plan.matches(direction))
        .flatten()
        .any(|one| one.named.iter().any(|name| ground.joint.contains(name)));
    let mut all: Vec<u16> = ground.readings.iter().map(|reading| reading.names).collect();
    all.sort_unstable();
    all.dedup();
    if !hangs_on_names {
        all.truncate(1);
    }
    let part = |names: u16| {
        let own = |reading: &RowReading| !hangs_on_names || reading.names == names;
        let slots = ground.readings.iter().flat_map(|reading| [own(reading); 2]).collect();
        Part { shares: collect(ground, values, direction, key, names), names, slots }
    };
    all.into_iter().map(part).collect()
}

fn collect(
    ground: &Ground<'_>,
    values: &mut Values,
    direction: Direction,
    key: &RowKey,
    names: u16,
) -> Shares {
    let mut shares = Shares::default();
    let plans = key.policies.iter().filter_map(|id| ground.plans.get(*id));
    let plans = plans.filter(|plan| plan.tier == Tier::NetworkPolicy);
    for one in plans.filter_map(|plan| plan.matches(direction)).flatten() {
        let fixed = Pair { certain: one.fixed, possible: one.fixed };
        match direction {
            Direction::Ingress => {
                let pair = own_numbers(ground, values, key, one, fixed, names);
                add_share(&mut shares, ground, one, pair, (&[], names), values);
            }
            Direction::Egress => {
                add_share(&mut shares, ground, one, fixed, (&one.named, names), values);
            }
        }
    }
    shares
}

/// The traffic of an ingress match: names mean the subject's own ports.
fn own_numbers(
    ground: &Ground<'_>,
    values: &mut Values,
    key: &RowKey,
    one: &MatchPlan,
    fixed: Pair,
    names: u16,
) -> Pair {
    one.named.iter().fold(fixed, |pair, name| {
        let own = key.ports.iter();
        let numbers: Vec<u16> = own
            .filter(|port| port.name == name.name && port.protocol == name.protocol)
            .map(|port| port.port)
            .collect();
        let named = numbered(ground, values, *name, &numbers, names);
        values.union_pairs(pair, named)
    })
}

/// What a name means where it stands for these numbers: two make it uncertain (C11), unless the
/// reading settles it.
fn numbered(
    ground: &Ground<'_>,
    values: &mut Values,
    name: PortName,
    numbers: &[u16],
    names: u16,
) -> Pair {
    let possible = numbers.iter().fold(Traffic::empty(), |all, number| {
        all.union(&Traffic::of(name.protocol, PortSet::single(*number)))
    });
    let possible = values.traffic_id(possible);
    match (numbers, meant(ground.joint, names, name)) {
        ([_], _) | (_, Meant::All) => Pair { certain: possible, possible },
        (_, Meant::None) => Pair::NOTHING,
        (_, Meant::Either) => Pair { certain: TrafficId::NOTHING, possible },
    }
}

fn add_share(
    shares: &mut Shares,
    ground: &Ground<'_>,
    one: &MatchPlan,
    pair: Pair,
    (names, meant): (&[PortName], u16),
    values: &mut Values,
) {
    if one.everyone {
        let before = shares.everyone.unwrap_or(Pair::NOTHING);
        shares.everyone = Some(values.union_pairs(before, pair));
    }
    let peers: Vec<&Members> = one.pods.iter().filter_map(|id| ground.plans.peer(*id)).collect();
    if pair != Pair::NOTHING {
        shares.pods.entry(pair).or_default().extend(peers.iter().map(|peer| (*peer).clone()));
    }
    for name in names {
        for (numbers, with_port) in ground.classes.with_port(*name) {
            let named = numbered(ground, values, *name, numbers, meant);
            let sets = shares.pods.entry(named).or_default();
            if one.everyone {
                sets.push(with_port.clone());
            }
            sets.extend(peers.iter().map(|peer| peer.intersection(with_port)));
        }
    }
    if let Some(block) = one.block {
        shares.blocks.push((pair, names.to_vec(), block));
    }
}

/// What blocks add with classes whose address is known.
fn add_known(
    pieces: &mut Pieces<'_>,
    ground: &Ground<'_>,
    part: &Part,
    family: Family,
    slots: &[bool],
    as_pods: &[bool],
) {
    let hosts = ground.classes.host_network();
    let mut by_pair: BTreeMap<Pair, Vec<&Members>> = BTreeMap::new();
    for (pair, names, block) in &part.shares.blocks {
        let Some(block) = ground.plans.block(*block) else { continue };
        let members = of(&block.members, family);
        by_pair.entry(*pair).or_default().push(members);
        for name in names {
            for (numbers, with_port) in ground.classes.with_port(*name) {
                let named = numbered(ground, pieces.values, *name, numbers, part.names);
                let set = members.intersection(with_port);
                pieces.add(&set.difference(hosts), slots, named);
                pieces.add(&set.intersection(hosts), as_pods, named);
            }
        }
    }
    for (pair, sets) in by_pair {
        pieces.add(&Members::union_all(sets), slots, pair);
    }
}

/// What port names mean at some destinations.
type Meaning = Vec<(PortName, Vec<u16>)>;

/// What blocks add with classes whose address is not known: for certain what holds wherever in
/// the possible ranges it is, possibly what holds anywhere there.
fn add_unknown(
    pieces: &mut Pieces<'_>,
    ground: &Ground<'_>,
    part: &Part,
    family: Family,
    slots: &[bool],
    as_pods: &[bool],
    fixed: &[(u128, Pair)],
) {
    let shares = &part.shares;
    if shares.blocks.is_empty() {
        return;
    }
    let pods = ground.classes.unknown_pods(family);
    let unknown_hosts = ground.classes.unknown_hosts(family);
    if pods.is_empty() && unknown_hosts.is_empty() {
        return;
    }
    let (ranges, is_certain) = ground.cluster.pod_ranges().of_family(family);
    // Groups of classes for which the names in the blocks' matches mean the same numbers.
    let mut names: Vec<PortName> =
        shares.blocks.iter().flat_map(|(_, names, _)| names.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let mut groups: Vec<(Members, Meaning)> = vec![(pods.union(unknown_hosts), Vec::new())];
    for name in names {
        let mut finer = Vec::new();
        for (members, meaning) in groups {
            let mut rest = members.clone();
            for (numbers, with_port) in ground.classes.with_port(name) {
                let with = members.intersection(with_port);
                if !with.is_empty() {
                    rest = rest.difference(&with);
                    let mut meaning = meaning.clone();
                    meaning.push((name, numbers.to_vec()));
                    finer.push((with, meaning));
                }
            }
            if !rest.is_empty() {
                finer.push((rest, meaning));
            }
        }
        groups = finer;
    }
    for (members, meaning) in groups {
        let named;
        let own: &[(u128, Pair)] = if meaning.is_empty() {
            fixed
        } else {
            let mut with_names = Shares::default();
            for (pair, names, block) in &shares.blocks {
                let mut pair = *pair;
                for (name, numbers) in &meaning {
                    if names.contains(name) {
                        let numbers = numbered(ground, pieces.values, *name, numbers, part.names);
                        pair = pieces.values.union_pairs(pair, numbers);
                    }
                }
                with_names.blocks.push((pair, Vec::new(), *block));
            }
            named = runs(&with_names, ground.plans, family, pieces.values);
            &named
        };
        let in_pods = over(own, &ranges, family, pieces.values);
        let certain = if is_certain { in_pods.certain } else { TrafficId::NOTHING };
        let as_pod = Pair { certain, possible: in_pods.possible };
        pieces.add(&members.intersection(pods), slots, as_pod);
        // A node may be anywhere, and nothing says that it has an address of the family.
        let hosts = members.intersection(unknown_hosts);
        if !hosts.is_empty() {
            let everywhere = IntervalSet::<u128>::range(0, last_address(family));
            let possible = |runs: &[(u128, Pair)], values: &mut Values| Pair {
                certain: TrafficId::NOTHING,
                possible: over(runs, &everywhere, family, values).possible,
            };
            let as_pod = possible(own, pieces.values);
            let as_node = possible(fixed, pieces.values);
            pieces.add(&hosts, as_pods, as_pod);
            pieces.add(&hosts, slots, as_node);
        }
    }
}

/// What holds all over some ranges, and what holds somewhere in them.
fn over(
    runs: &[(u128, Pair)],
    ranges: &IntervalSet<u128>,
    family: Family,
    values: &mut Values,
) -> Pair {
    let mut all: Option<Pair> = None;
    for (at, (first, pair)) in runs.iter().enumerate() {
        let last = match runs.get(at + 1) {
            Some((next, _)) => next.saturating_sub(1),
            None => last_address(family),
        };
        let run = IntervalSet::<u128>::range(*first, last);
        if !ranges.intersects(&run) {
            continue;
        }
        all = Some(match all {
            None => *pair,
            Some(before) => Pair {
                certain: values.intersection(before.certain, pair.certain),
                possible: values.union(before.possible, pair.possible),
            },
        });
    }
    all.unwrap_or(Pair::NOTHING)
}

/// What the run of an address holds.
fn run_at(runs: &[(u128, Pair)], address: u128) -> Pair {
    let after = runs.partition_point(|(start, _)| *start <= address);
    let run = after.checked_sub(1).and_then(|at| runs.get(at));
    run.map_or(Pair::NOTHING, |(_, pair)| *pair)
}

/// What the blocks let through by number, address by address: from a number on up to the next.
fn runs(shares: &Shares, plans: &Plans, family: Family, values: &mut Values) -> Vec<(u128, Pair)> {
    // How many ranges of each traffic begin at an address, less those that end before it.
    let mut events: BTreeMap<u128, BTreeMap<Pair, i64>> = BTreeMap::new();
    for (pair, _, block) in &shares.blocks {
        let Some(block) = plans.block(*block) else { continue };
        for (first, last) in block.ranges(family) {
            *events.entry(first).or_default().entry(*pair).or_default() += 1;
            if last < last_address(family) {
                *events.entry(last + 1).or_default().entry(*pair).or_default() -= 1;
            }
        }
    }
    let mut open: BTreeMap<Pair, i64> = BTreeMap::new();
    let mut runs: Vec<(u128, Pair)> = Vec::with_capacity(events.len() + 1);
    runs.push((0, Pair::NOTHING));
    for (start, changes) in events {
        for (pair, change) in changes {
            let count = open.entry(pair).or_default();
            *count += change;
            if *count == 0 {
                open.remove(&pair);
            }
        }
        let pair = open.keys().fold(Pair::NOTHING, |all, one| values.union_pairs(all, *one));
        match runs.last_mut() {
            Some((at, own)) if *at == start => *own = pair,
            Some((_, own)) if *own == pair => {}
            _ => runs.push((start, pair)),
        }
    }
    runs
}
