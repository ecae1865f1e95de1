//! Which flows do these Kubernetes policies allow, and why: the engine, without I/O.
//!
//! ```text
//! text ─read▶ Documents ─resolve▶ Cluster ───┐
//!              └─lower▶ Rulebook ────────────┴compile▶ CompiledPolicy ─query▶ answers ─render▶ bytes
//! ```
//!
//! The modules stand in the order of that flow, and nothing points left.

pub mod clause;
pub mod limits;
mod map;
pub mod netset;

pub mod manifest;

pub mod cluster;

pub mod rulebook;

pub mod profile;

pub mod dialect;

pub mod compile;

pub mod query;

pub mod rules;

pub mod say;

pub mod check;

pub mod wire;
