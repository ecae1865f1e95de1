//! A row whose subjects administrators' policies select: what their tiers decide around what the
//! NetworkPolicies let through.

use std::sync::Arc;

use super::class::{ClassId, FAMILIES, of};
use super::layer::{Layer, LayerKey, work_out};
use super::row::{Ground, RowKey};
use super::tier::{End, Other};
use super::value::{Pair, ValueId, Values};
use crate::cluster::Endpoint;
use crate::map::Map;
use crate::netset::{Direction, Family, Members};
use crate::profile::BaselineReach;
use crate::rulebook::{Policy, PolicyId, Tier};

/// The layers that were worked out for all classes, to be shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    known: Map<LayerKey, Arc<Layer>>,
}

impl Layers {
    pub(crate) fn get(
        &mut self,
        ground: &Ground<'_>,
        values: &mut Values,
        direction: Direction,
        key: &RowKey,
        universe: &Members,
    ) -> Arc<Layer> {
        let key = LayerKey::of(direction, key, ground);
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let layer = Arc::new(work_out(ground, values, &key, universe));
        self.known.insert(key, Arc::clone(&layer));
        layer
    }
}

/// What the tiers of a row are worked out from.
pub(crate) struct Layered<'a> {
    pub(crate) ground: &'a Ground<'a>,
    pub(crate) direction: Direction,
    pub(crate) key: &'a RowKey,
    pub(crate) is_isolated: bool,
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

    /// The pieces of a row, of those that its NetworkPolicies make.
    pub(crate) fn pieces(
        &self,
        values: &mut Values,
        own: Vec<(Vec<Pair>, Members)>,
        layer: &Layer,
    ) -> Vec<(Vec<Pair>, Members)> {
        let mut pieces: Vec<(Vec<Pair>, Members)> = Vec::new();
        let mut put = |value: Vec<Pair>, members: Members| match pieces
            .iter_mut()
            .find(|(own, _)| *own == value)
        {
            Some((_, own)) => *own = own.union(&members),
            None => pieces.push((value, members)),
        };
        for (slots, members) in &own {
            for (both, others) in &layer.pieces {
                let within = members.intersection(others);
                if within.is_empty() {
                    continue;
                }
                let value = (0..).zip(slots).map(|(slot, pair)| {
                    let [v4, v6] = *both;
                    let both = if slot % 2 == 0 { v4 } else { v6 };
                    values.tiers(both, self.between(slot, *pair))
                });
                put(value.collect(), within);
            }
        }
        for (value, members) in self.odd(values, layer) {
            put(value, members);
        }
        pieces
    }

    /// The pieces of classes for which a fact is open: one of each kind is asked about.
    fn odd(&self, values: &mut Values, layer: &Layer) -> Vec<(Vec<Pair>, Members)> {
        let classes = self.ground.classes;
        let singles = alike(self.ground, self.direction, &self.key.policies, &layer.odd);
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
        own: &[Vec<(u128, ValueId)>; 2],
        layer: &Layer,
    ) -> [Vec<(u128, ValueId)>; 2] {
        FAMILIES.map(|family| {
            let (own, layered) = (of(own, family), of(&layer.outside, family));
            let mut starts: Vec<u128> = own.iter().map(|(start, _)| *start).collect();
            starts.extend(layered.iter().map(|(start, _)| *start));
            starts.sort_unstable();
            starts.dedup();
            let mut runs: Vec<(u128, ValueId)> = Vec::with_capacity(starts.len());
            for start in starts {
                let value = if layer.outside_is_odd {
                    let other = Other::outside(self.ground.cluster, family, start);
                    let slots = self.slots(values, &other);
                    values.value_id(&slots)
                } else {
                    self.at(values, family, start, own, layered)
                };
                if runs.last().is_none_or(|(_, last)| *last != value) {
                    runs.push((start, value));
                }
            }
            runs
        })
    }

    fn at(
        &self,
        values: &mut Values,
        family: Family,
        start: u128,
        own: &[(u128, ValueId)],
        layered: &[(u128, super::layer::Both)],
    ) -> ValueId {
        let before = |at: usize| at.checked_sub(1);
        let value = before(own.partition_point(|(own, _)| *own <= start));
        let value = value.and_then(|at| own.get(at)).map_or(ValueId::NOTHING, |(_, value)| *value);
        let both = before(layered.partition_point(|(own, _)| *own <= start));
        let Some((_, both)) = both.and_then(|at| layered.get(at)) else { return value };
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
