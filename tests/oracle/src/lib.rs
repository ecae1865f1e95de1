//! A slow, obvious reading of the contract (`docs/semantics`): one flow at a time, one reading at
//! a time, straight from the objects as JSON. It shares nothing with the engine.
//!
//! An answer under one reading is a boolean; a flow depends if two readings differ.

#![allow(clippy::indexing_slicing, reason = "indexing JSON gives null where nothing is")]

mod objects;
mod promises;
mod readings;
mod rules;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub use objects::{Pod, World};
pub use promises::Flow;
use readings::Reading;

/// Who enforces; what each settles is said in [`World::flow`]'s readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nobody in particular.
    Spec,
    /// An `ipBlock` covers neither pods nor nodes; host network pods are their node.
    Cilium,
    /// Host network pods are their node.
    Other,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The pod or template of this index in [`World::pods`].
    Pod(usize),
    /// A node by name.
    Node(String),
    /// An address of nobody.
    Address(IpAddr),
}

/// What is said of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `allow`, `deny` or `depends`.
    pub verdict: &'static str,
    /// The clauses of which another reading, all else equal, gives another verdict.
    pub clauses: BTreeSet<&'static str>,
}

impl World {
    /// The verdict on one flow.
    pub fn flow(&self, from: &End, to: &End, protocol: &str, port: u16) -> Outcome {
        if from == to
            && matches!(from, End::Pod(at) if self.pods.get(*at).is_some_and(|pod| pod.is_pod))
        {
            let there = self
                .pod(from)
                .is_some_and(|pod| pod.v4.is_some() || pod.v6.is_some() || pod.is_unknown());
            return Outcome {
                verdict: if there { "allow" } else { "deny" },
                clauses: BTreeSet::new(),
            };
        }
        let readings = self.readings(from, to);
        let verdicts: Vec<bool> =
            readings.iter().map(|reading| self.allows(from, to, protocol, port, reading)).collect();
        let verdict = match (verdicts.contains(&true), verdicts.contains(&false)) {
            (true, true) => "depends",
            (true, false) => "allow",
            (false, _) => "deny",
        };
        let mut clauses = BTreeSet::new();
        for (one, is_one) in readings.iter().zip(&verdicts) {
            for (other, is_other) in readings.iter().zip(&verdicts) {
                if is_one != is_other {
                    clauses.extend(one.only_difference(other));
                }
            }
        }
        Outcome { verdict, clauses }
    }

    /// Whether a flow is allowed under one reading: by some family that both ends have (C21).
    fn allows(&self, from: &End, to: &End, protocol: &str, port: u16, reading: &Reading) -> bool {
        [4, 6].into_iter().any(|family| {
            self.has_family(from, family)
                && self.has_family(to, family)
                && self.end_allows("egress", from, to, family, protocol, port, reading)
                && self.end_allows("ingress", to, from, family, protocol, port, reading)
        })
    }
}
