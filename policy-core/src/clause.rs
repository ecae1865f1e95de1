//! The clauses of the semantics book, by id.

use std::fmt;

/// A clause of the contract in `docs/semantics`, from `C1` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause(u8);

impl Clause {
    /// An address block against pods.
    pub const BLOCK_COVERS_PODS: Clause = Clause(8);
    /// Ports of Services, and how they are translated.
    pub const SERVICES: Clause = Clause(10);
    /// Named ports.
    pub const NAMED_PORT: Clause = Clause(11);
    /// Pods on the host's network.
    pub const HOST_NETWORK: Clause = Clause(13);
    /// A pod's own node.
    pub const OWN_NODE: Clause = Clause(14);
    /// A pod to itself.
    pub const ITSELF: Clause = Clause(15);
    /// Whom a Baseline rule reaches.
    pub const BASELINE_REACH: Clause = Clause(16);
    /// Address families.
    pub const FAMILIES: Clause = Clause(21);
    /// Namespaces that were not read.
    pub const NAMESPACES: Clause = Clause(22);
    /// Addresses that the manifests do not hold.
    pub const MISSING_ADDRESS: Clause = Clause(26);
    /// What an address in a question is.
    pub const ADDRESS: Clause = Clause(27);
    /// Policies of administrators that no rule orders one before the other.
    pub const EQUAL_RANK: Clause = Clause(28);
    /// What domain names stand for, and nodes that were not read.
    pub const MISSING_FACT: Clause = Clause(29);

    /// The number behind the `C`.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.0)
    }
}
