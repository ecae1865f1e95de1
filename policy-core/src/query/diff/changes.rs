//! What tells two sets of objects apart.

use crate::compile::{Change, CompiledPolicy};
use crate::dialect;
use crate::manifest::document::{Kind, Object, ObjectKey, Place};
use crate::map::Map;
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
    let mut places: Map<&ObjectKey, usize> =
        Map::with_capacity_and_hasher(after.len(), Default::default());
    for (at, object) in after.iter().enumerate() {
        places.insert(&object.key, at);
    }
    let texts: Map<&ObjectKey, &Object> =
        policies.iter().map(|object| (&object.key, object)).collect();
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
                let text = texts.get(&now.key);
                if text.is_some_and(|text| text.body == now.body) {
                    continue;
                }
                let is_same = dialect::lower(now)
                    .is_some_and(|own| Policy { place: before.place, ..own } == *before);
                match (is_same, text) {
                    (false, _) => put.push(at),
                    (true, Some(_)) => found.same_meaning.push((now.key.clone(), now.place)),
                    (true, None) => {}
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
