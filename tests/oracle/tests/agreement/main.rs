//! The engine against the oracle: every small world, random clusters, changes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod changes;
mod compare;
mod random;
mod small;
