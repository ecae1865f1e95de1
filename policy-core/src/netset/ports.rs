//! Sets of ports.

use super::IntervalSet;

/// A set of ports from 1 to 65535.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet(IntervalSet<u16>);

impl PortSet {
    /// No port.
    pub fn empty() -> PortSet {
        PortSet(IntervalSet::empty())
    }

    /// Every port.
    pub fn all() -> PortSet {
        PortSet::range(1, u16::MAX)
    }

    /// One port; none if it is 0.
    pub fn single(port: u16) -> PortSet {
        PortSet::range(port, port)
    }

    /// From the first to the last, both included; 0 is no port.
    pub fn range(first: u16, last: u16) -> PortSet {
        PortSet(IntervalSet::range(first.max(1), last))
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(u16, u16)] {
        self.0.ranges()
    }

    /// Whether a port is in it.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(port)
    }

    /// Whether no port is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every port is in it.
    pub fn is_all(&self) -> bool {
        self.ranges() == [(1, u16::MAX)]
    }

    /// What is in either.
    pub fn union(&self, other: &PortSet) -> PortSet {
        PortSet(self.0.union(&other.0))
    }

    /// What is in both.
    pub fn intersection(&self, other: &PortSet) -> PortSet {
        PortSet(self.0.intersection(&other.0))
    }

    /// What is in the first only.
    pub fn difference(&self, other: &PortSet) -> PortSet {
        PortSet(self.0.difference(&other.0))
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &PortSet) -> bool {
        self.0.is_subset(&other.0)
    }
}
