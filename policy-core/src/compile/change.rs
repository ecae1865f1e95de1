//! A compiled policy takes a change without starting over.
//!
//! What each kind of change costs, in work and not in time, stands in `tests/changes.rs`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::class::{ClassId, News};
use super::layered::Layers;
use super::plan::Plans;
use super::row::RowId;
use super::{CompiledPolicy, Copies, is_policy, row_readings};
use crate::cluster::Touched;
use crate::dialect;
use crate::limits;
use crate::manifest::document::{Kind, Labels, Object, ObjectKey};
use crate::netset::{Direction, Members};
use crate::rulebook::{Policy, PolicyId, Tier};

/// A change of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object is there, in the place of the one of its kind, namespace and name.
    Put(Box<Object>),
    /// The object is gone.
    Remove(ObjectKey),
}

impl CompiledPolicy {
    /// Takes a change: afterwards every answer is what it would be had all been compiled afresh.
    pub fn change(&mut self, change: Change) {
        match change {
            Change::Put(object) => match dialect::lower(&object) {
                Some(policy) => self.put_policy(policy),
                None => {
                    let nodes = self.node_addresses(&object.key);
                    let key = object.key.clone();
                    let touched = self.cluster.put(*object);
                    let is_moved = nodes != self.node_addresses(&key);
                    self.follow_object(is_moved, touched);
                }
            },
            Change::Remove(key) if is_policy(key.kind) => {
                if let Some(id) = self.rulebook.remove(&key) {
                    self.exchange(Some(id), None);
                }
            }
            Change::Remove(key) => {
                let nodes = self.node_addresses(&key);
                let touched = self.cluster.remove(&key);
                self.follow_object(nodes.is_some(), touched);
            }
        }
    }

    /// What rules may know of a node by its key: its labels and addresses.
    fn node_addresses(&self, key: &ObjectKey) -> Option<(Labels, Vec<IpAddr>)> {
        if key.kind != Kind::Node || !self.classes.node_addresses_in_use() {
            return None;
        }
        self.cluster.node(&key.name).map(|node| (node.labels.clone(), node.addresses.clone()))
    }

    fn follow_object(&mut self, is_node_moved: bool, touched: Touched) {
        // Rules tell nodes apart by labels, and addresses by whether they are nodes'.
        if is_node_moved {
            self.rebuild();
        } else {
            self.follow(touched);
        }
    }

    /// Whether a name of a port has two numbers somewhere that the readings do not settle, and could.
    fn has_new_joint_name(&self) -> bool {
        let mut names = self.classes.ambiguous_names().into_iter();
        self.joint.len() < limits::JOINT_NAMES && names.any(|name| !self.joint.contains(&name))
    }

    fn put_policy(&mut self, policy: Policy) {
        if self.rulebook.is_only_moved(&policy) {
            return;
        }
        let is_first_baseline = policy.tier == Tier::Baseline
            && self.readings != row_readings(self.options.profile, true, self.joint.len());
        if is_first_baseline || self.bring_into_use(&policy) || self.has_new_joint_name() {
            self.rulebook.put(policy);
            self.rebuild();
            return;
        }
        let (id, old) = self.rulebook.put(policy);
        if let Some(policy) = self.rulebook.get(id) {
            self.plans.add(id, policy, &self.cluster, &self.classes, &mut self.values);
        }
        self.exchange(old, Some(id));
    }

    /// Divides the classes that a policy is the first to tell apart; says whether all must be worked
    /// out again for it.
    fn bring_into_use(&mut self, policy: &Policy) -> bool {
        let mut news = News::default();
        let covers = self.blocks_cover_pods();
        Plans::require(policy, &mut self.cluster, &mut self.classes, covers, &mut news);
        if news.nodes {
            return true;
        }
        let candidates = self.classes.candidates(&self.cluster, &news);
        if candidates.is_empty() {
            return false;
        }
        self.layers = Layers::default();
        let splits = self.classes.split(&self.cluster, &news, candidates);
        self.work.classes_split += splits.len() as u64;
        let mut copies = Copies::new(&splits);
        self.plans.copy(&mut copies, &self.classes);
        for direction in Direction::ALL {
            let rows = self.rows_mut(direction);
            for row in rows.list.iter_mut().flatten() {
                for (_, members) in &mut row.pieces {
                    copies.extend(members);
                }
                copies.extend(&mut row.subjects);
            }
            for split in &splits {
                let from = split.from.0 as usize;
                let row = rows.of_class.get(from).copied().unwrap_or(RowId(0));
                let policies = rows.policies_of_class.get(from).cloned().unwrap_or_default();
                rows.of_class.push(row);
                rows.policies_of_class.push(policies);
            }
        }
        false
    }

    /// Puts one policy in the place of another, whose plans are both still there.
    fn exchange(&mut self, old: Option<PolicyId>, new: Option<PolicyId>) {
        let old_plan = old.and_then(|id| self.plans.remove(id));
        let new_plan = new.and_then(|id| self.plans.get(id)).cloned();
        if let (Some(id), Some(plan)) = (old, &old_plan)
            && plan.tier != Tier::NetworkPolicy
        {
            self.layers.forget(id);
        }
        let mut touched = [Members::empty(), Members::empty()];
        for (direction, touched) in Direction::ALL.into_iter().zip(&mut touched) {
            let subject = |plan: &Option<super::plan::Plan>| {
                let plan = plan.as_ref().filter(|plan| plan.matches(direction).is_some());
                plan.map_or_else(Members::empty, |plan| plan.subject.clone())
            };
            let (gone, come) = (subject(&old_plan), subject(&new_plan));
            self.hand_over(direction, old.map(|id| (id, &gone)), new.map(|id| (id, &come)));
            *touched = gone.union(&come);
        }
        self.assign_again(touched);
    }

    /// Takes a policy from classes and gives another to classes.
    fn hand_over(
        &mut self,
        direction: Direction,
        old: Option<(PolicyId, &Members)>,
        new: Option<(PolicyId, &Members)>,
    ) {
        let mut of_class = std::mem::take(&mut self.rows_mut(direction).policies_of_class);
        if let Some((id, gone)) = old {
            for class in gone.iter() {
                if let Some(own) = of_class.get_mut(class as usize) {
                    own.retain(|own| *own != id);
                }
            }
        }
        if let Some((id, come)) = new {
            for class in come.iter() {
                if let Some(own) = of_class.get_mut(class as usize) {
                    own.push(id);
                    self.plans.sort(own);
                }
            }
        }
        self.rows_mut(direction).policies_of_class = of_class;
    }

    /// Gives classes their rows again, whose policies for ingress and egress changed.
    fn assign_again(&mut self, [ingress, egress]: [Members; 2]) {
        // Whether a pod is selected for one direction counts for the other (C16).
        let has_baseline = self.plans.iter().any(|(_, plan)| plan.tier == Tier::Baseline);
        let both = ingress.union(&egress);
        for (direction, touched) in Direction::ALL.into_iter().zip([ingress, egress]) {
            let touched = if has_baseline { &both } else { &touched };
            self.rows_mut(direction).leave(touched);
            self.assign_rows(direction, touched);
        }
    }

    /// Takes what a change of the cluster touched.
    fn follow(&mut self, touched: Touched) {
        let Touched { removed, added, relabelled, pod_ranges } = touched;
        for (id, _) in removed {
            self.classes.remove(id);
        }
        let mut new = Vec::new();
        for id in added {
            if let Some(endpoint) = self.cluster.endpoint(id) {
                new.extend(self.classes.add(id, endpoint));
            }
        }
        if !new.is_empty() && self.has_new_joint_name() {
            self.rebuild();
            return;
        }
        if !new.is_empty() {
            self.work.classes_added += new.len() as u64;
            self.take_in(&new);
        }
        if !relabelled.is_empty() || pod_ranges {
            self.layers = Layers::default();
        }
        if !relabelled.is_empty() {
            let rulebook = &self.rulebook;
            let subject_of = |id| rulebook.get(id).map(|policy| policy.subject.clone());
            let moved = self.plans.relabel_subjects(&self.cluster, &self.classes, subject_of);
            // What is worked out from here on is from the peers as they are now.
            let (changed, shifted) = self.plans.relabel(&self.cluster, &self.classes);
            let mut touched = [Members::empty(), Members::empty()];
            for (id, before) in moved {
                let Some(plan) = self.plans.get(id).cloned() else { continue };
                let gone = before.difference(&plan.subject);
                let come = plan.subject.difference(&before);
                for (direction, touched) in Direction::ALL.into_iter().zip(&mut touched) {
                    if plan.matches(direction).is_some() {
                        self.hand_over(direction, Some((id, &gone)), Some((id, &come)));
                        *touched = touched.union(&gone.union(&come));
                    }
                }
            }
            self.assign_again(touched);
            let uses: BTreeSet<PolicyId> = self
                .plans
                .iter()
                .filter(|(_, plan)| plan.peers().any(|peer| changed.contains(&peer)))
                .map(|(id, _)| id)
                .collect();
            self.shift(&uses, &shifted);
        }
        if pod_ranges {
            self.work_out_again(|blocks, policies| blocks && !policies.is_empty());
        }
    }

    /// Works out again what flows with some classes, in the rows of some policies.
    fn shift(&mut self, uses: &BTreeSet<PolicyId>, shifted: &Members) {
        // Layers of these classes only.
        self.layers = Layers::default();
        for direction in Direction::ALL {
            let touched: Vec<_> = self
                .rows_in_use(direction)
                .filter(|(_, row)| row.key.policies.iter().any(|id| uses.contains(id)))
                .map(|(id, row)| (id, row.key.clone()))
                .collect();
            for (id, key) in touched {
                let part = self.work_out(direction, key, shifted);
                self.work.rows_extended += 1;
                let rows = self.rows_mut(direction);
                let Some(row) = rows.list.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                    continue;
                };
                for (_, members) in &mut row.pieces {
                    if members.intersects(shifted) {
                        *members = members.difference(shifted);
                    }
                }
                row.pieces.retain(|(_, members)| !members.is_empty());
                row.take_up(part);
            }
        }
        self.layers = Layers::default();
    }

    /// Takes new classes into plans and rows, and gives them their own rows.
    fn take_in(&mut self, new: &[ClassId]) {
        let universe: Members = new.iter().map(|class| class.0).collect();
        let rulebook = &self.rulebook;
        let subject_of = |id| rulebook.get(id).map(|policy| policy.subject.clone());
        self.plans.extend(&universe, &self.cluster, &self.classes, subject_of);
        // Layers of the new classes only, which are shared by the rows below and by nothing else.
        self.layers = Layers::default();
        for direction in Direction::ALL {
            let in_use: Vec<_> =
                self.rows_in_use(direction).map(|(id, row)| (id, row.key.clone())).collect();
            for (id, key) in in_use {
                let part = self.work_out(direction, key, &universe);
                self.work.rows_extended += 1;
                let rows = self.rows_mut(direction);
                let Some(row) = rows.list.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                    continue;
                };
                row.take_up(part);
            }
            self.layers = Layers::default();
            let mut of_class: Vec<Vec<PolicyId>> = vec![Vec::new(); new.len()];
            for (id, plan) in self.plans.iter() {
                if plan.matches(direction).is_none() || !plan.subject.intersects(&universe) {
                    continue;
                }
                for (class, own) in new.iter().zip(&mut of_class) {
                    if plan.subject.contains(class.0) {
                        own.push(id);
                    }
                }
            }
            for own in &mut of_class {
                self.plans.sort(own);
            }
            let rows = self.rows_mut(direction);
            rows.policies_of_class.extend(of_class);
            rows.of_class.resize(rows.policies_of_class.len(), RowId(0));
        }
        for direction in Direction::ALL {
            self.assign_rows(direction, &universe);
        }
    }

    /// Works out the rows again whose policies a test names; it is told whether any of them has a
    /// block.
    fn work_out_again(&mut self, is_touched: impl Fn(bool, &[PolicyId]) -> bool) {
        for direction in Direction::ALL {
            let touched: Vec<_> = self
                .rows_in_use(direction)
                .filter(|(_, row)| {
                    let policies = &row.key.policies;
                    is_touched(self.plans.have_block(policies, direction), policies)
                })
                .map(|(id, row)| (id, row.key.clone()))
                .collect();
            let all = self.classes.all().clone();
            for (id, key) in touched {
                let mut row = self.work_out(direction, key, &all);
                self.work.rows_computed += 1;
                let rows = self.rows_mut(direction);
                if let Some(own) = rows.list.get_mut(id.0 as usize).and_then(Option::as_mut) {
                    row.subjects = std::mem::take(&mut own.subjects);
                    *own = row;
                }
            }
        }
    }
}
