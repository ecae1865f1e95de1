//! What a policy was before changes: the rows that they touched, and what they took out.
//!
//! A class that is divided meanwhile is matched where its original was, so a row that was saved
//! speaks of the classes that there are at the end.

use super::class::{ClassId, Split};
use super::row::{Row, RowId};
use super::{Change, CompiledPolicy, Copies};
use crate::cluster::{Endpoint, EndpointId, NamespaceId, PodRanges};
use crate::manifest::document::{Object, ObjectKey};
use crate::map::Map;
use crate::netset::{Direction, Members};
use crate::rulebook::{Policy, PolicyId};
use std::collections::BTreeMap;

/// What changes touched, as it was before them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    ingress: Saved,
    egress: Saved,
    /// Endpoints that went, as they were, with their classes.
    pub(crate) removed: Vec<(EndpointId, Endpoint, ClassId)>,
    /// Endpoints that came; a changed one went and came.
    pub(crate) added: Vec<EndpointId>,
    /// Policies that went, by their numbers.
    pub(crate) policies: BTreeMap<PolicyId, Policy>,
    /// What each object that changed was, policies aside; none if it was not there.
    pub(crate) objects: BTreeMap<ObjectKey, Option<Object>>,
    /// What each policy that changed was, by number.
    pub(crate) policies_changed: BTreeMap<ObjectKey, Option<PolicyId>>,
    /// Namespaces whose labels changed.
    pub(crate) relabelled: Vec<NamespaceId>,
    /// The addresses that pods could have, if that changed.
    pub(crate) pod_ranges: Option<PodRanges>,
    /// Of a class that came out of another: which.
    parents: Map<u32, u32>,
    /// All of it, where all was worked out again and classes have other numbers.
    pub(crate) whole: Option<Box<CompiledPolicy>>,
}

/// The rows of one direction that changed, as they were.
#[derive(Clone, Debug, Default)]
struct Saved {
    rows: Vec<Row>,
    of_class: Map<u32, usize>,
    /// Rows that are as they were when they were saved.
    known: Map<RowId, usize>,
    touched: Vec<u32>,
}

impl Record {
    fn saved(&self, direction: Direction) -> &Saved {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    fn saved_mut(&mut self, direction: Direction) -> &mut Saved {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    /// The row that a class had, if it was touched.
    pub(crate) fn of_class(&self, direction: Direction, class: ClassId) -> Option<usize> {
        self.saved(direction).of_class.get(&class.0).copied()
    }

    /// A row as it was.
    pub(crate) fn row(&self, direction: Direction, at: usize) -> Option<&Row> {
        self.saved(direction).rows.get(at)
    }

    /// The classes whose rows were touched.
    pub(crate) fn touched(&self, direction: Direction) -> Members {
        self.saved(direction).touched.iter().copied().collect()
    }

    /// The class that a class was part of before the changes.
    pub(crate) fn root(&self, class: ClassId) -> ClassId {
        let mut root = class.0;
        while let Some(parent) = self.parents.get(&root) {
            root = *parent;
        }
        ClassId(root)
    }

    /// Keeps the row of some classes, which is about to change; what was kept first stays.
    pub(super) fn keep(&mut self, direction: Direction, id: RowId, row: &Row, classes: &Members) {
        let saved = self.saved_mut(direction);
        for class in classes.iter() {
            if saved.of_class.contains_key(&class) {
                continue;
            }
            let at = *saved.known.entry(id).or_insert_with(|| {
                saved.rows.push(Row { subjects: Members::empty(), ..row.clone() });
                saved.rows.len() - 1
            });
            saved.of_class.insert(class, at);
            saved.touched.push(class);
        }
    }

    /// A row is no longer what it was.
    pub(super) fn forget(&mut self, direction: Direction, id: RowId) {
        self.saved_mut(direction).known.remove(&id);
    }

    /// Takes note of divided classes.
    pub(super) fn divide(&mut self, splits: &[Split], copies: &mut Copies) {
        for split in splits {
            self.parents.insert(split.new.0, split.from.0);
        }
        for direction in Direction::ALL {
            let saved = self.saved_mut(direction);
            for row in &mut saved.rows {
                for (_, members) in &mut row.pieces {
                    copies.extend(members);
                }
            }
            for split in splits {
                if let Some(at) = saved.of_class.get(&split.from.0).copied() {
                    saved.of_class.insert(split.new.0, at);
                    saved.touched.push(split.new.0);
                }
            }
        }
    }
}

impl CompiledPolicy {
    /// Takes changes, and says what they touched, as it was. The policy is afterwards the second
    /// side.
    pub(crate) fn change_recorded(&mut self, changes: Vec<Change>) -> Record {
        let rebuilt = self.work.rebuilt;
        self.record = Some(Box::default());
        self.change_all(changes);
        let mut record = self.record.take().map(|record| *record).unwrap_or_default();
        if self.work.rebuilt > rebuilt {
            // Classes have other numbers now, so the rows that were kept say nothing.
            record.whole = Some(Box::new(self.undone(&record)));
        }
        record
    }

    /// The policy without the changes that were recorded; policies have the numbers that they had.
    fn undone(&self, record: &Record) -> CompiledPolicy {
        let mut rulebook = self.rulebook.clone();
        for (key, id) in &record.policies_changed {
            rulebook.remove(key);
            if let Some((id, policy)) = id.and_then(|id| Some((id, record.policies.get(&id)?))) {
                rulebook.restore(id, policy.clone());
            }
        }
        let mut cluster = self.cluster.clone();
        let objects = record.objects.iter().map(|(key, object)| (key.clone(), object.clone()));
        cluster.change_all(objects.collect());
        CompiledPolicy::new(rulebook, cluster, self.options.clone())
    }
}
