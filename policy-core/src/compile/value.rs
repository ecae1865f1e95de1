//! Traffic and values by number, so that rows compare and combine fast.

use super::tier::{Decision, Isolation, combine};
use crate::map::Map;
use crate::netset::Traffic;

/// A traffic of its [`Values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TrafficId(u32);

impl TrafficId {
    /// No traffic.
    pub(crate) const NOTHING: TrafficId = TrafficId(0);
    /// All traffic.
    pub(crate) const ALL: TrafficId = TrafficId(1);
    /// From here on numbers are of traffic that an answer keeps itself.
    const KEPT: u32 = 1 << 31;

    /// The number of a traffic that an answer keeps itself.
    pub(crate) fn kept(index: usize) -> TrafficId {
        TrafficId(TrafficId::KEPT | u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The index of a traffic that an answer keeps itself.
    pub(crate) fn as_kept(self) -> Option<usize> {
        (self.0 >= TrafficId::KEPT).then_some((self.0 & !TrafficId::KEPT) as usize)
    }
}

/// What an end lets through: under every reading of its own conditions, and under some.
///
/// `certain` is a subset of `possible`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pair {
    pub(crate) certain: TrafficId,
    pub(crate) possible: TrafficId,
}

impl Pair {
    pub(crate) const NOTHING: Pair =
        Pair { certain: TrafficId::NOTHING, possible: TrafficId::NOTHING };
    pub(crate) const ALL: Pair = Pair { certain: TrafficId::ALL, possible: TrafficId::ALL };
}

/// A value of its [`Values`]: a [`Pair`] for each slot, a slot being a joint reading of the open
/// clauses and a family (`reading × 2 + family`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(u32);

impl ValueId {
    /// Nothing in any slot.
    pub(crate) const NOTHING: ValueId = ValueId(0);
}

/// Every traffic and value that was met, once.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    traffics: Vec<Traffic>,
    traffic_ids: Map<Traffic, TrafficId>,
    unions: Map<(TrafficId, TrafficId), TrafficId>,
    values: Vec<Box<[Pair]>>,
    value_ids: Map<Box<[Pair]>, ValueId>,
    decisions: Vec<Decision>,
    decision_ids: Map<Decision, DecisionId>,
    combined: Map<Combined, Pair>,
    nothing: Traffic,
}

/// What two tiers decide and what the NetworkPolicies between them let through; that is none where
/// they do not isolate, with whether Baseline is asked.
type Combined = (DecisionId, DecisionId, Result<Pair, bool>);

/// A decision of its [`Values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DecisionId(u32);

impl Values {
    /// For so many joint readings.
    pub(crate) fn new(readings: usize) -> Values {
        let mut values = Values {
            traffics: Vec::new(),
            traffic_ids: Map::default(),
            unions: Map::default(),
            values: Vec::new(),
            value_ids: Map::default(),
            decisions: Vec::new(),
            decision_ids: Map::default(),
            combined: Map::default(),
            nothing: Traffic::empty(),
        };
        values.traffic_id(Traffic::empty());
        values.traffic_id(Traffic::all());
        values.value_id(&vec![Pair::NOTHING; readings * 2]);
        values
    }

    /// Only the traffics, by the same numbers.
    pub(crate) fn of_traffics(&self) -> Values {
        Values {
            traffics: self.traffics.clone(),
            traffic_ids: self.traffic_ids.clone(),
            ..Values::new(0)
        }
    }

    pub(crate) fn traffic_id(&mut self, traffic: Traffic) -> TrafficId {
        if let Some(&known) = self.traffic_ids.get(&traffic) {
            return known;
        }
        let id = TrafficId(u32::try_from(self.traffics.len()).unwrap_or(u32::MAX));
        self.traffics.push(traffic.clone());
        self.traffic_ids.insert(traffic, id);
        id
    }

    pub(crate) fn traffic(&self, id: TrafficId) -> &Traffic {
        self.traffics.get(id.0 as usize).unwrap_or(&self.nothing)
    }

    pub(crate) fn union(&mut self, a: TrafficId, b: TrafficId) -> TrafficId {
        if a == b || b == TrafficId::NOTHING {
            return a;
        }
        if a == TrafficId::NOTHING {
            return b;
        }
        let key = (a.min(b), a.max(b));
        if let Some(&known) = self.unions.get(&key) {
            return known;
        }
        let union = self.traffic(a).union(self.traffic(b));
        let id = self.traffic_id(union);
        self.unions.insert(key, id);
        id
    }

    pub(crate) fn intersection(&mut self, a: TrafficId, b: TrafficId) -> TrafficId {
        if a == b || b == TrafficId::ALL {
            return a;
        }
        if a == TrafficId::ALL {
            return b;
        }
        let both = self.traffic(a).intersection(self.traffic(b));
        self.traffic_id(both)
    }

    pub(crate) fn union_pairs(&mut self, a: Pair, b: Pair) -> Pair {
        if a == b {
            return a;
        }
        Pair {
            certain: self.union(a.certain, b.certain),
            possible: self.union(a.possible, b.possible),
        }
    }

    pub(crate) fn decision_id(&mut self, decision: Decision) -> DecisionId {
        if let Some(&known) = self.decision_ids.get(&decision) {
            return known;
        }
        let id = DecisionId(u32::try_from(self.decisions.len()).unwrap_or(u32::MAX));
        self.decisions.push(decision.clone());
        self.decision_ids.insert(decision, id);
        id
    }

    /// What the three tiers let through: what Admin and Baseline decide, and between them what the
    /// NetworkPolicies let through, or whether Baseline is asked where they do not isolate.
    pub(crate) fn tiers(
        &mut self,
        (admin, baseline): (DecisionId, DecisionId),
        between: Result<Pair, bool>,
    ) -> Pair {
        let key = (admin, baseline, between);
        if let Some(&known) = self.combined.get(&key) {
            return known;
        }
        let decisions =
            self.decisions.get(admin.0 as usize).zip(self.decisions.get(baseline.0 as usize));
        let Some((admin, baseline)) = decisions else { return Pair::NOTHING };
        let isolation = match between {
            Ok(pair) => Isolation::Isolated {
                certain: self.traffic(pair.certain),
                possible: self.traffic(pair.possible),
            },
            Err(true) => Isolation::Open,
            Err(false) => Isolation::Final,
        };
        let outcome = combine(admin, isolation, baseline);
        let certain = Traffic::all().difference(&outcome.deny);
        let pair =
            Pair { certain: self.traffic_id(certain), possible: self.traffic_id(outcome.allow) };
        self.combined.insert(key, pair);
        pair
    }

    /// The pair of two bounds.
    pub(crate) fn pair(&mut self, (certain, possible): (Traffic, Traffic)) -> Pair {
        Pair { certain: self.traffic_id(certain), possible: self.traffic_id(possible) }
    }

    pub(crate) fn value_id(&mut self, slots: &[Pair]) -> ValueId {
        if let Some(&known) = self.value_ids.get(slots) {
            return known;
        }
        let id = ValueId(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        self.values.push(slots.into());
        self.value_ids.insert(slots.into(), id);
        id
    }

    /// The pairs of a value, slot by slot.
    pub(crate) fn value(&self, id: ValueId) -> &[Pair] {
        self.values.get(id.0 as usize).map_or(&[], |value| value)
    }

    /// What both ends together let through.
    pub(crate) fn combine(&self, egress: ValueId, ingress: ValueId) -> Cell {
        let slots = self.value(egress).chunks(2).zip(self.value(ingress).chunks(2));
        let readings = slots.map(|(out, into)| {
            let families = out.iter().zip(into).map(|(out, into)| {
                (self.both(out.certain, into.certain), self.both(out.possible, into.possible))
            });
            join(families)
        });
        Cell::over(readings)
    }

    /// What one end lets through where the other has no say: a flow with an outside address.
    pub(crate) fn alone(&self, value: ValueId) -> Cell {
        Cell::over(self.value(value).chunks(2).map(|families| {
            join(families.iter().map(|pair| {
                (self.traffic(pair.certain).clone(), self.traffic(pair.possible).clone())
            }))
        }))
    }

    fn both(&self, a: TrafficId, b: TrafficId) -> Traffic {
        match (a, b) {
            (TrafficId::NOTHING, _) | (_, TrafficId::NOTHING) => Traffic::empty(),
            (TrafficId::ALL, other) | (other, TrafficId::ALL) => self.traffic(other).clone(),
            _ => self.traffic(a).intersection(self.traffic(b)),
        }
    }
}

/// A flow of either family will do.
fn join(families: impl Iterator<Item = (Traffic, Traffic)>) -> (Traffic, Traffic) {
    families.fold((Traffic::empty(), Traffic::empty()), |(certain, possible), family| {
        (certain.union(&family.0), possible.union(&family.1))
    })
}

/// What is allowed between two ends, and what depends; the rest is denied. The two are disjoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Allowed under every reading.
    pub allowed: Traffic,
    /// Allowed under some readings only.
    pub depends: Traffic,
}

impl Cell {
    /// Nothing is let through, under any reading.
    pub fn is_denied(&self) -> bool {
        self.allowed.is_empty() && self.depends.is_empty()
    }

    /// The cell of joint readings, each with what it allows for certain and possibly.
    pub(crate) fn over(readings: impl Iterator<Item = (Traffic, Traffic)>) -> Cell {
        let all = readings.reduce(|(certain, possible), reading| {
            (certain.intersection(&reading.0), possible.union(&reading.1))
        });
        let (allowed, possible) = all.unwrap_or_default();
        let depends = possible.difference(&allowed);
        Cell { allowed, depends }
    }

    /// The parts of it that both hold.
    pub fn intersection(&self, only: &Traffic) -> Cell {
        Cell { allowed: self.allowed.intersection(only), depends: self.depends.intersection(only) }
    }
}
