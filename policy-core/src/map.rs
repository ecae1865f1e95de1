//! Hash maps without randomness: the same input gives the same bytes, and nothing is drawn from
//! the environment. Nobody iterates over them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// A hash map with a fixed hash.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// A hash set with a fixed hash.
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<DefaultHasher>>;
