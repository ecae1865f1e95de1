//! What tells two sets of objects apart.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::compile::{Change, CompiledPolicy};
use crate::dialect;
use crate::manifest::document::{Kind, Object, ObjectKey, Place};
use crate::rulebook::Policy;

/// What has to be done to one side to make the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Each object that is not what it was, once, by kind, namespace and name.
    pub list: Vec<Change>,
    /// Policies that are written in other words and mean the same, with their places.
    pub same_meaning: Vec<(ObjectKey, Place)>,
}

/// What makes a compiled side the other side. `policies` are the objects that the policies of the
/// first were made of, by which a policy in other words is told from one that was left alone; of
/// two objects of one kind, namespace and name the later counts (C25).
pub fn changes(policy: &CompiledPolicy, policies: &[Object], after: Vec<Object>) -> Changes {
    let mut found = Changes::default();
    let mut order: Vec<u32> = (0..u32::try_from(after.len()).unwrap_or(u32::MAX)).collect();
    let key = |at: &u32| after.get(*at as usize).map(|object| &object.key);
    // Mostly in order as they are; of like keys the last is kept.
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut last: Vec<u32> = Vec::with_capacity(order.len());
    for at in order {
        match last.last_mut() {
            Some(own) if key(own) == key(&at) => *own = at,
            _ => last.push(at),
        }
    }
    let mut after: Vec<Option<Object>> = after.into_iter().map(Some).collect();
    let mut take = |at: u32| after.get_mut(at as usize).and_then(Option::take);
    let mut now = last.into_iter().filter_map(|at| take(at)).peekable();

    // Objects and policies, both by key: kinds of policies come after all others.
    let texts: BTreeMap<&ObjectKey, &Object> =
        policies.iter().map(|object| (&object.key, object)).collect();
    let cluster = policy.cluster();
    let others = Kind::ALL.into_iter().filter(|kind| !kind.is_policy());
    let was = others.flat_map(|kind| cluster.all_of_kind(kind)).map(Was::Object);
    let mut was = was.chain(policy.rulebook().iter().map(|(_, one)| Was::Policy(one))).peekable();
    loop {
        let order = match (was.peek(), now.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(now)) => was.key().cmp(&now.key),
        };
        let before = if order == Ordering::Greater { None } else { was.next() };
        let after = if order == Ordering::Less { None } else { now.next() };
        match (before, after) {
            (Some(before), None) => found.list.push(Change::Remove(before.key().clone())),
            (None, Some(after)) => found.list.push(Change::Put(Box::new(after))),
            (Some(Was::Object(before)), Some(after)) if before.body != after.body => {
                found.list.push(Change::Put(Box::new(after)));
            }
            (Some(Was::Policy(before)), Some(after)) => {
                let text = texts.get(&after.key);
                if text.is_some_and(|text| text.body == after.body) {
                    continue;
                }
                let is_same = dialect::lower(&after)
                    .is_some_and(|own| Policy { place: before.place, ..own } == *before);
                match (is_same, text) {
                    (false, _) => found.list.push(Change::Put(Box::new(after))),
                    (true, Some(_)) => found.same_meaning.push((after.key, after.place)),
                    (true, None) => {}
                }
            }
            (Some(Was::Object(_)), Some(_)) | (None, None) => {}
        }
    }
    found
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
