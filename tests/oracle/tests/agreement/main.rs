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

mod admin;
mod changes;
mod compare;
mod diff;
mod diff_cases;
mod diff_cost;
mod diff_rollout;
mod isolation;
mod isolation_rules;
mod random;
mod small;
mod small_tiers;

/// Of how many worlds one is looked at: 1, but where mutants cost a run of all of them each.
fn share() -> u32 {
    let share = std::env::var("NETVERDICT_ORACLE_SHARE").ok().and_then(|share| share.parse().ok());
    share.unwrap_or(1)
}
