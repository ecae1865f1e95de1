//! Isolation rules: what must hold, judged over sets of flows and not over samples.
//!
//! ```text
//! IsolationRule × CompiledPolicy -> Judgement: the exact flows that break it, and one of them
//! ```
//!
//! A pod to itself, and a pod and its own node, are not judged; neither is a pair without a pod.

mod cells;
mod ends;
mod forbid;
mod isolated;
mod names;
mod require;
mod roster;
mod separate;
mod since;
mod witness;

use std::collections::BTreeMap;

pub use names::{FlowBlock, NamedEnds};
pub use since::Since;
pub use witness::Witness;

use self::ends::{Area, Ends, merge};
use self::names::Workloads;
use self::roster::Roster;
use crate::compile::CompiledPolicy;
use crate::manifest::FieldPath;
use crate::manifest::document::{IsolationRule, Promise, RuleFlows, RuleGroups, RulePeer};
use crate::netset::{Direction, Members};

/// A cluster with its policies, ready to have rules judged.
pub struct Bench<'p> {
    roster: Roster<'p>,
    workloads: Workloads,
}

/// What became of a rule.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// The flows that break it.
    areas: Vec<Area>,
    /// The pods that no NetworkPolicy isolates though the rule wants it, for each direction.
    open: Vec<(Direction, Members)>,
    /// Lists that match nobody.
    pub empty: Vec<FieldPath>,
    /// Namespaces that are in two groups or more, with those.
    pub in_several: BTreeMap<String, Vec<String>>,
}

impl Judgement {
    /// Whether nothing breaks it.
    pub fn holds(&self) -> bool {
        self.areas.is_empty() && self.open.is_empty()
    }
}

/// Everything that breaks a rule, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The flows: disjoint blocks.
    pub blocks: Vec<FlowBlock>,
    /// The pods that are not isolated, for each direction.
    pub open: Vec<(Direction, NamedEnds)>,
    /// All sources of those flows.
    pub from: NamedEnds,
    /// All their destinations.
    pub to: NamedEnds,
    /// One of those flows.
    pub witness: Option<Witness>,
}

impl<'p> Bench<'p> {
    /// For the rules of one world.
    pub fn new(policy: &'p CompiledPolicy) -> Bench<'p> {
        let roster = Roster::new(policy);
        let workloads = Workloads::new(&roster);
        Bench { roster, workloads }
    }

    /// Judges a rule.
    pub fn judge(&self, rule: &IsolationRule) -> Judgement {
        let roster = &self.roster;
        let mut found = Judgement::default();
        let path = FieldPath::root().key("spec");
        match &rule.promise {
            Promise::Forbid { flows, except } => {
                let path = path.key("forbid");
                let (from, to) = self.sides(flows, &path, &mut found);
                for (at, one) in except.iter().enumerate() {
                    let path = path.key("except").index(at);
                    for (key, peers) in [("from", &one.from), ("to", &one.to)] {
                        if let Some(peers) = peers {
                            self.ends(peers, &path.key(key), &mut found);
                        }
                    }
                }
                let ports = flows.ports.as_deref();
                found.areas = forbid::broken(roster, &from, &to, ports, except);
            }
            Promise::Require { flows, reach } => {
                let (from, to) = self.sides(flows, &path.key("require"), &mut found);
                let ports = flows.ports.as_deref();
                if !from.is_empty() && !to.is_empty() {
                    found.areas = require::broken(roster, &from, &to, ports, *reach);
                }
            }
            Promise::Isolated { pods, except, directions } => {
                let path = path.key("isolated");
                let pods = self.ends(pods, &path.key("pods"), &mut found);
                let except = match except.as_slice() {
                    [] => Ends::default(),
                    except => self.ends(except, &path.key("except"), &mut found),
                };
                found.open = isolated::broken(roster, &pods, &except, directions);
            }
            Promise::Separate { groups, except } => {
                let path = path.key("separate");
                let groups_found = separate::groups(roster, groups);
                match groups {
                    RuleGroups::Named(written) => {
                        for (at, group) in written.iter().enumerate() {
                            if groups_found.get(&group.name).is_none_or(Vec::is_empty) {
                                found.empty.push(path.key("groups").index(at));
                            }
                        }
                    }
                    RuleGroups::ByLabel(_) if groups_found.is_empty() => {
                        found.empty.push(path.key("byLabel"));
                    }
                    RuleGroups::ByLabel(_) => {}
                }
                for (at, one) in except.iter().enumerate() {
                    let path = path.key("except").index(at);
                    for (key, peers) in [("from", &one.from), ("to", &one.to)] {
                        if let Some(peers) = peers {
                            self.ends(peers, &path.key(key), &mut found);
                        }
                    }
                }
                found.in_several = separate::in_several(roster, &groups_found);
                found.areas = separate::broken(roster, &groups_found, except);
            }
        }
        found.areas = merge(std::mem::take(&mut found.areas));
        // A pod with nobody but itself is no flow.
        found.areas.retain(|area| witness::has_pair(roster, area));
        if rule.allow_empty {
            found.empty.clear();
        }
        found
    }

    fn sides(&self, flows: &RuleFlows, path: &FieldPath, found: &mut Judgement) -> (Ends, Ends) {
        let from = self.ends(&flows.from, &path.key("from"), found);
        (from, self.ends(&flows.to, &path.key("to"), found))
    }

    fn ends(&self, peers: &[RulePeer], path: &FieldPath, found: &mut Judgement) -> Ends {
        let ends = self.roster.ends(peers);
        if ends.is_empty() {
            found.empty.push(path.clone());
        }
        ends
    }

    /// Some of the flows that break a rule, in their order and so many at most: one for each pair of
    /// ends that policies may tell from others.
    pub fn examples(&self, judgement: &Judgement, most: usize) -> Vec<Witness> {
        witness::examples(&self.roster, &judgement.areas, most)
    }

    /// What breaks a rule, by names, with a witness; none if it holds.
    pub fn violation(&self, judgement: &Judgement) -> Option<Violation> {
        if judgement.holds() {
            return None;
        }
        let (roster, workloads) = (&self.roster, &self.workloads);
        let all = |side: fn(&Area) -> &Ends| {
            judgement.areas.iter().fold(Ends::default(), |all, area| all.union(side(area)))
        };
        let open = judgement.open.iter().map(|(direction, pods)| {
            (*direction, names::named(roster, workloads, &Ends::of_pods(pods.clone())))
        });
        let mut areas: Vec<&Area> = judgement.areas.iter().collect();
        let first = |ends: &Ends| (ends.addresses.is_empty(), ends.pods.first());
        areas.sort_by_cached_key(|area| (first(&area.from), first(&area.to), area.traffic.clone()));
        Some(Violation {
            blocks: names::blocks(roster, workloads, areas.into_iter()),
            open: open.collect(),
            from: names::named(roster, workloads, &all(|area| &area.from)),
            to: names::named(roster, workloads, &all(|area| &area.to)),
            witness: witness::witness(roster, &judgement.areas),
        })
    }
}
