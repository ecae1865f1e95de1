//! A slow, obvious reading of the contract (`docs/semantics`): one flow at a time, one reading at
//! a time, straight from the objects as JSON. It shares nothing with the engine.
//!
//! A reading leaves one verdict, or both where policies are alternatives (C28); a flow depends if
//! all readings together leave both.

#![allow(clippy::indexing_slicing, reason = "indexing JSON gives null where nothing is")]

mod objects;
mod promises;
mod readings;
mod rules;
mod tiers;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub use objects::{Pod, World};
pub use promises::Flow;
use readings::Reading;
use rules::Half;

/// Who enforces; what each settles is said in [`World::flow`]'s readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nobody in particular.
    Spec,
    /// Host network pods are their node.
    Calico,
    /// Host network pods are their node; an `ipBlock` covers neither pods nor nodes.
    Cilium,
    /// Host network pods are their node; Baseline is asked for each direction on its own.
    Antrea,
    /// As Antrea.
    OvnKubernetes,
    /// Host network pods are their node; a pod that any NetworkPolicy selects never reaches
    /// Baseline.
    KubeNetworkPolicies,
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
    /// The clauses of which another reading, all else equal, leaves other verdicts; and C28 if one
    /// reading leaves both.
    pub clauses: BTreeSet<&'static str>,
}

/// The verdicts that one reading leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) allow: bool,
    pub(crate) deny: bool,
}

impl Verdicts {
    pub(crate) fn only(allow: bool) -> Verdicts {
        Verdicts { allow, deny: !allow }
    }

    /// Of several, any of which may be.
    pub(crate) fn any_of(all: impl IntoIterator<Item = Verdicts>) -> Verdicts {
        let none = Verdicts { allow: false, deny: false };
        all.into_iter().fold(none, |all, one| Verdicts {
            allow: all.allow || one.allow,
            deny: all.deny || one.deny,
        })
    }
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
        let open = self.open(from, to, protocol, port);
        let verdicts: Vec<Verdicts> = (0..open.count())
            .map(|at| self.verdicts(from, to, protocol, port, &open.reading(at)))
            .collect();
        let all = Verdicts::any_of(verdicts.iter().copied());
        let verdict = match (all.allow, all.deny) {
            (true, true) => "depends",
            (true, false) => "allow",
            (false, _) => "deny",
        };
        let mut clauses = BTreeSet::new();
        if verdict == "depends" {
            for (at, own) in verdicts.iter().enumerate() {
                for (clause, first) in open.but_for_one(at) {
                    if verdicts[first] != *own {
                        clauses.insert(clause);
                    }
                }
                if own.allow && own.deny {
                    clauses.insert("C28");
                }
            }
        }
        Outcome { verdict, clauses }
    }

    /// What one reading leaves: a flow is of one family that both ends have (C21), so it is
    /// allowed if any family is. The choice among alternatives is made for each direction and each
    /// flow, so nothing ties one to another.
    fn verdicts(
        &self,
        from: &End,
        to: &End,
        protocol: &str,
        port: u16,
        reading: &Reading,
    ) -> Verdicts {
        let mut all = Verdicts { allow: false, deny: true };
        for family in [4, 6] {
            if !self.has_family(from, family) || !self.has_family(to, family) {
                continue;
            }
            let half = |direction, subject, peer| {
                let world = self;
                let half =
                    Half { world, direction, subject, peer, family, protocol, port, reading };
                half.verdicts()
            };
            let (out, into) = (half("egress", from, to), half("ingress", to, from));
            all.allow |= out.allow && into.allow;
            all.deny &= out.deny || into.deny;
        }
        all
    }
}
