//! A row whose subjects administrators' policies select: what their tiers decide around what the
//! NetworkPolicies let through.

use std::sync::Arc;

use super::class::{ClassId, FAMILIES, of};
use super::layer::{Layer, LayerKey, OutsideRun, work_out};
use super::row::{Ground, RowKey};
use super::tier::{End, Other};
use super::value::{Pair, ValueId, Values};
use crate::cluster::Endpoint;
use crate::limits;
use crate::map::Map;
use crate::netset::{Direction, Family, Members};
use crate::profile::BaselineReach;
use crate::rulebook::{Policy, PolicyId, Tier};

/// The layers that were worked out, to be shared, and what they make of what lies between.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    known: Map<LayerKey, (u32, Arc<Layer>)>,
    count: u32,
    pieces: Map<Around<Box<[Pair]>>, Arc<[Piece]>>,
    outside: Map<Around<Outside>, Arc<Outside>>,
}

/// What flows, slot by slot, with whom.
pub(crate) type Piece = (Vec<Pair>, Members);

/// For each family, what flows with the addresses from a number on up to the next.
pub(crate) type Outside = [Vec<(u128, ValueId)>; 2];

/// What is shared: a layer by its number, what its subjects are to Baseline, and what lies between.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Around<T> {
    layer: u32,
    is_isolated: bool,
    selected_elsewhere: bool,
    between: T,
}

impl Layers {
    pub(crate) fn get(
        &mut self,
        ground: &Ground<'_>,
        values: &mut Values,
        direction: Direction,
        key: &RowKey,
        universe: &Members,
    ) -> (u32, Arc<Layer>) {
        let key = LayerKey::of(direction, key, ground);
        if let Some((number, known)) = self.known.get(&key) {
            return (*number, Arc::clone(known));
        }
        let layer = Arc::new(work_out(ground, values, &key, universe));
        let number = self.count;
        self.count += 1;
        self.known.insert(key, (number, Arc::clone(&layer)));
        (number, layer)
    }

    /// Lets those go that a policy is part of: nobody asks for them again.
    pub(crate) fn forget(&mut self, policy: PolicyId) {
        self.known.retain(|key, _| !key.policies.contains(&policy));
        self.pieces.clear();
        self.outside.clear();
    }
}

/// What the tiers of a row are worked out from.
pub(crate) struct Layered<'a> {
    pub(crate) ground: &'a Ground<'a>,
    pub(crate) direction: Direction,
    pub(crate) key: &'a RowKey,
    pub(crate) is_isolated: bool,
    pub(crate) number: u32,
    pub(crate) layer: &'a Layer,
}

impl Layered<'_> {
    /// What lies between Admin and Baseline in a slot.
    fn between(&self, slot: usize, own: Pair) -> Result<Pair, bool> {
        if self.is_isolated {
            return Ok(own);
        }
        let reading = self.ground.readings.get(slot / 2);
        let per_pod = reading.is_some_and(|one| one.baseline == BaselineReach::Pod);
        Err(!(per_pod && self.key.selected_elsewhere))
    }

    fn around<T>(&self, between: T) -> Around<T> {
        Around {
            layer: self.number,
            is_isolated: self.is_isolated,
            selected_elsewhere: self.key.selected_elsewhere,
            between,
        }
    }

    /// The pieces of a row, of those that its NetworkPolicies make.
    pub(crate) fn pieces(
        &self,
        values: &mut Values,
        layers: &mut Layers,
        own: Vec<Piece>,
    ) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (slots, members) in &own {
            let shared = self.shared(values, layers, slots);
            for (value, others) in shared.iter() {
                let within = members.intersection(others);
                if !within.is_empty() {
                    put(&mut pieces, value, within);
                }
            }
        }
        for (value, members) in self.odd(values) {
            put(&mut pieces, &value, members);
        }
        pieces
    }

    /// What the layer makes of what lies between, where that is the same with everyone.
    fn shared(&self, values: &mut Values, layers: &mut Layers, slots: &[Pair]) -> Arc<[Piece]> {
        let key = self.around(slots.into());
        if let Some(known) = layers.pieces.get(&key) {
            return Arc::clone(known);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        for ([v4, v6], others) in &self.layer.pieces {
            let value: Vec<Pair> = (0..)
                .zip(slots)
                .map(|(slot, pair)| {
                    let both = if slot % 2 == 0 { *v4 } else { *v6 };
                    values.tiers(both, self.between(slot, *pair))
                })
                .collect();
            put(&mut pieces, &value, others.clone());
        }
        let pieces: Arc<[Piece]> = pieces.into();
        if layers.pieces.len() >= limits::SHARED_LAYERS {
            layers.pieces.clear();
        }
        layers.pieces.insert(key, Arc::clone(&pieces));
        pieces
    }

    /// The pieces of classes for which a fact is open: one of each kind is asked about.
    fn odd(&self, values: &mut Values) -> Vec<Piece> {
        let classes = self.ground.classes;
        let singles = alike(self.ground, self.direction, &self.key.policies, &self.layer.odd);
        let told = singles.into_iter().filter_map(|part| {
            let peer = classes.representative(ClassId(part.first()?))?;
            let other = Other::endpoint(self.ground.cluster, &peer);
            Some((self.slots(values, &other), part))
        });
        told.collect()
    }

    /// What flows with another end, slot by slot, asked of the tiers themselves.
    fn slots(&self, values: &mut Values, other: &Other<'_>) -> Vec<Pair> {
        let subject = Endpoint::bare(self.key.ports.clone());
        let policies = policies(self.ground, self.key);
        let end = End {
            cluster: self.ground.cluster,
            profile: self.ground.profile,
            direction: self.direction,
            subject: &subject,
            policies: &policies,
            selected_elsewhere: self.key.selected_elsewhere,
            exempt: false,
            joint: self.ground.joint,
        };
        let mut slots = Vec::with_capacity(self.ground.readings.len() * 2);
        for reading in self.ground.readings {
            for family in FAMILIES {
                slots.push(values.pair(end.bounds(other, family, *reading)));
            }
        }
        slots
    }

    /// The runs of addresses outside, of those that the NetworkPolicies make.
    pub(crate) fn outside(
        &self,
        values: &mut Values,
        layers: &mut Layers,
        own: Outside,
    ) -> Arc<Outside> {
        if self.layer.outside_is_odd {
            return Arc::new(FAMILIES.map(|family| self.asked(values, &own, family)));
        }
        let key = self.around(own);
        if let Some(known) = layers.outside.get(&key) {
            return Arc::clone(known);
        }
        let runs = FAMILIES.map(|family| {
            let own = of(&key.between, family);
            let layered = of(&self.layer.outside, family);
            let mut runs: Vec<(u128, ValueId)> = Vec::new();
            for start in self.starts(&key.between, family) {
                let value = self.at(values, family, start, own, layered);
                if runs.last().is_none_or(|(_, last)| *last != value) {
                    runs.push((start, value));
                }
            }
            runs
        });
        let runs = Arc::new(runs);
        if layers.outside.len() >= limits::SHARED_LAYERS {
            layers.outside.clear();
        }
        layers.outside.insert(key, Arc::clone(&runs));
        runs
    }

    /// The addresses from which on something may differ.
    fn starts(&self, own: &Outside, family: Family) -> Vec<u128> {
        let mut starts: Vec<u128> = of(own, family).iter().map(|(start, _)| *start).collect();
        starts.extend(of(&self.layer.outside, family).iter().map(|(start, ..)| *start));
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The runs of a family where facts are open: the tiers themselves are asked about one address
    /// of each kind.
    fn asked(&self, values: &mut Values, own: &Outside, family: Family) -> Vec<(u128, ValueId)> {
        let mut known: Map<(Option<ValueId>, Option<u32>), ValueId> = Map::default();
        let mut runs: Vec<(u128, ValueId)> = Vec::new();
        let layered = of(&self.layer.outside, family);
        for start in self.starts(own, family) {
            let before = |at: usize| at.checked_sub(1);
            let at = before(of(own, family).partition_point(|(own, _)| *own <= start));
            let between = at.and_then(|at| of(own, family).get(at)).map(|(_, value)| *value);
            let at = before(layered.partition_point(|(own, ..)| *own <= start));
            let kind = at.and_then(|at| layered.get(at)).map(|(_, _, kind)| *kind);
            let value = match known.get(&(between, kind)) {
                Some(value) => *value,
                None => {
                    let other = Other::outside(self.ground.cluster, family, start);
                    let slots = self.slots(values, &other);
                    let value = values.value_id(&slots);
                    known.insert((between, kind), value);
                    value
                }
            };
            if runs.last().is_none_or(|(_, last)| *last != value) {
                runs.push((start, value));
            }
        }
        runs
    }

    fn at(
        &self,
        values: &mut Values,
        family: Family,
        start: u128,
        own: &[(u128, ValueId)],
        layered: &[OutsideRun],
    ) -> ValueId {
        let before = |at: usize| at.checked_sub(1);
        let value = before(own.partition_point(|(own, _)| *own <= start));
        let value = value.and_then(|at| own.get(at)).map_or(ValueId::NOTHING, |(_, value)| *value);
        let both = before(layered.partition_point(|(own, ..)| *own <= start));
        let Some((_, both, _)) = both.and_then(|at| layered.get(at)) else { return value };
        let slots: Vec<Pair> = values.value(value).to_vec();
        let slots: Vec<Pair> = (0..)
            .zip(slots)
            .map(|(slot, pair)| {
                if slot % 2 == usize::from(family == Family::V6) {
                    values.tiers(*both, self.between(slot, pair))
                } else {
                    Pair::NOTHING
                }
            })
            .collect();
        values.value_id(&slots)
    }
}

/// Adds a piece, to one of the same value where there is one.
fn put(pieces: &mut Vec<Piece>, value: &[Pair], members: Members) {
    match pieces.iter_mut().find(|(own, _)| own == value) {
        Some((_, own)) => *own = own.union(&members),
        None => pieces.push((value.to_vec(), members)),
    }
}

/// Classes by all that a rule of some policies can tell apart, where facts are open.
pub(super) fn alike(
    ground: &Ground<'_>,
    direction: Direction,
    policies: &[PolicyId],
    odd: &Members,
) -> Vec<Members> {
    if odd.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![odd.clone()];
    let plans = || policies.iter().filter_map(|id| ground.plans.get(*id));
    let mut cut = |set: &Members| {
        if set.is_empty() {
            return;
        }
        let mut finer = Vec::with_capacity(parts.len());
        for part in &parts {
            let (within, rest) = (part.intersection(set), part.difference(set));
            finer.extend([within, rest].into_iter().filter(|part| !part.is_empty()));
        }
        parts = finer;
    };
    let classes = ground.classes;
    cut(classes.host_network());
    for family in FAMILIES {
        cut(classes.lacking(family));
        cut(classes.unknown_pods(family));
        cut(classes.unknown_hosts(family));
    }
    for one in plans().filter_map(|plan| plan.matches(direction)).flatten() {
        for peer in one.pods.iter().filter_map(|id| ground.plans.peer(*id)) {
            cut(peer);
        }
        if let Some(block) = one.block.and_then(|id| ground.plans.block(id)) {
            block.members.iter().for_each(&mut cut);
        }
        for name in &one.named {
            for (_, with_port) in classes.with_port(*name) {
                cut(with_port);
            }
        }
    }
    // Pods on the host's network by their nodes, which the sets above do not tell apart.
    let has_nodes = plans()
        .filter_map(|plan| plan.matches(direction))
        .flatten()
        .any(|one| !one.nodes.is_empty());
    let mut singles: Vec<Members> = Vec::new();
    for part in parts {
        if has_nodes && part.intersects(classes.host_network()) {
            singles.extend(part.iter().map(Members::single));
        } else {
            singles.push(part);
        }
    }
    singles
}

/// The policies of a row, by tier and rank.
fn policies<'g>(ground: &Ground<'g>, key: &RowKey) -> Vec<&'g Policy> {
    let mut policies: Vec<&Policy> =
        key.policies.iter().filter_map(|id| ground.rulebook.get(*id)).collect();
    policies.sort_by(|a, b| (a.tier, a.rank, &a.origin).cmp(&(b.tier, b.rank, &b.origin)));
    debug_assert!(policies.iter().any(|policy| policy.tier != Tier::NetworkPolicy));
    policies
}
