//! What tells two sets of objects apart.

use crate::compile::{Change, CompiledPolicy};
use crate::dialect;
use crate::manifest::document::{Kind, Object, ObjectKey, Place};
use crate::manifest::{Locator, Source};
use crate::map::Map;
use crate::rulebook::{Peers, Policy, Ports, Tier};
use std::collections::BTreeMap;

/// What has to be done to one side to make the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Each object that is not what it was, once, by kind, namespace and name.
    pub list: Vec<Change>,
    /// Policies that are written in other words and mean the same, with their places.
    pub same_meaning: Vec<(ObjectKey, Place)>,
}

/// The texts of both sides, by which a policy in other words is told from one that was left alone.
#[derive(Debug)]
pub struct Texts<'s> {
    before: Locator<'s>,
    after: Locator<'s>,
    same_sources: BTreeMap<(u32, u32), bool>,
}

impl<'s> Texts<'s> {
    /// Of the sources of both sides.
    pub fn new(before: &'s [Source], after: &'s [Source]) -> Texts<'s> {
        Texts {
            before: Locator::new(before),
            after: Locator::new(after),
            same_sources: BTreeMap::new(),
        }
    }

    /// Whether two objects are written the same, as far as can be seen.
    fn are_same(&mut self, before: Place, after: Place) -> bool {
        let (was, is) = (self.before.source(before), self.after.source(after));
        let key = (before.source, after.source);
        let same = *self
            .same_sources
            .entry(key)
            .or_insert_with(|| was.zip(is).is_none_or(|(was, is)| was.text == is.text));
        if same && (before.document, before.item) == (after.document, after.item) {
            return true;
        }
        let documents = self.before.document(before).zip(self.after.document(after));
        if documents.is_none_or(|(was, is)| was == is) {
            return true;
        }
        // In a List that was read whole, the document says nothing of one item.
        let is_item = before.item.is_some() || after.item.is_some();
        is_item && self.before.object(before) == self.after.object(after)
    }
}

/// What makes a compiled side the other side; of two objects of one kind, namespace and name the
/// later counts (C25). IsolationRules change no flow, and are passed over.
pub fn changes(policy: &CompiledPolicy, texts: &mut Texts<'_>, after: Vec<Object>) -> Changes {
    let mut found = Changes::default();
    let mut after = after;
    after.retain(|object| object.key.kind != Kind::IsolationRule);
    let mut places: Map<&ObjectKey, usize> =
        Map::with_capacity_and_hasher(after.len(), Default::default());
    for (at, object) in after.iter().enumerate() {
        places.insert(&object.key, at);
    }
    let cluster = policy.cluster();
    let others = Kind::ALL.into_iter().filter(|kind| !kind.is_policy());
    let was = others.flat_map(|kind| cluster.all_of_kind(kind)).map(Was::Object);
    let was = was.chain(policy.rulebook().iter().map(|(_, one)| Was::Policy(one)));
    let mut removed = Vec::new();
    let mut put = Vec::new();
    for before in was {
        let now = places.remove(before.key()).and_then(|at| Some((at, after.get(at)?)));
        let Some((at, now)) = now else {
            removed.push(before.key().clone());
            continue;
        };
        match before {
            Was::Object(before) => {
                if before.body != now.body {
                    put.push(at);
                }
            }
            Was::Policy(before) => {
                let Some(own) = dialect::lower(now) else { continue };
                let own = Policy { place: before.place, ..own };
                let is_same = own == *before;
                if !is_same {
                    // The order of rules may have changed, by which they are named.
                    put.push(at);
                }
                let says_the_same = is_same || in_order(own) == in_order(before.clone());
                if says_the_same && !texts.are_same(before.place, now.place) {
                    found.same_meaning.push((now.key.clone(), now.place));
                }
            }
        }
    }
    put.extend(places.into_values());
    put.sort_unstable();
    let mut put = put.into_iter().peekable();
    for (at, object) in after.into_iter().enumerate() {
        if put.next_if_eq(&at).is_some() {
            found.list.push(Change::Put(Box::new(object)));
        }
    }
    found.list.extend(removed.into_iter().map(Change::Remove));
    found.list.sort_by(|a, b| a.key().cmp(b.key()));
    found
}

/// A NetworkPolicy with its rules, peers and ports in one order: none has a meaning. The order of an
/// administrator's rules has.
fn in_order(mut policy: Policy) -> Policy {
    if policy.tier != Tier::NetworkPolicy {
        return policy;
    }
    for rules in [&mut policy.ingress, &mut policy.egress].into_iter().flatten() {
        for rule in rules.iter_mut() {
            if let Peers::Some(peers) = &mut rule.peers {
                peers.sort();
                peers.dedup();
            }
            if let Ports::Some(ports) = &mut rule.ports {
                ports.sort();
                ports.dedup();
            }
        }
        rules.sort();
        rules.dedup();
    }
    policy
}

/// An object of the first side.
enum Was<'p> {
    Object(&'p Object),
    Policy(&'p Policy),
}

impl Was<'_> {
    fn key(&self) -> &ObjectKey {
        match self {
            Was::Object(object) => &object.key,
            Was::Policy(policy) => &policy.origin,
        }
    }
}
