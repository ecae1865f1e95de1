//! The engine against the oracle: every small world, random clusters, changes.

mod changes;
mod compare;
mod random;
mod small;
