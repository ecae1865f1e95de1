//! Sets of addresses of both families.

use std::net::IpAddr;

use super::{Cidr, Family, IntervalSet};

/// A set of IPv4 and IPv6 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    v4: IntervalSet<u32>,
    v6: IntervalSet<u128>,
}

impl AddressSet {
    /// No address.
    pub fn empty() -> AddressSet {
        AddressSet::default()
    }

    /// Every address of a family.
    pub fn of_family(family: Family) -> AddressSet {
        match family {
            Family::V4 => AddressSet { v4: IntervalSet::full(), v6: IntervalSet::empty() },
            Family::V6 => AddressSet { v4: IntervalSet::empty(), v6: IntervalSet::full() },
        }
    }

    /// The addresses of any of these blocks.
    pub fn from_cidrs(blocks: impl IntoIterator<Item = Cidr>) -> AddressSet {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for block in blocks {
            match (block.first(), block.last()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits())),
                _ => {}
            }
        }
        AddressSet { v4: IntervalSet::from_ranges(v4), v6: IntervalSet::from_ranges(v6) }
    }

    /// From the first to the last, both included; none if they are of two families.
    pub fn from_range(first: IpAddr, last: IpAddr) -> AddressSet {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => AddressSet {
                v4: IntervalSet::range(first.to_bits(), last.to_bits()),
                v6: IntervalSet::empty(),
            },
            (IpAddr::V6(first), IpAddr::V6(last)) => AddressSet {
                v4: IntervalSet::empty(),
                v6: IntervalSet::range(first.to_bits(), last.to_bits()),
            },
            _ => AddressSet::empty(),
        }
    }

    /// Whether no address is in it.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.contains(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.contains(v6.to_bits()),
        }
    }

    /// Its ranges, IPv4 first, each family in order.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self
            .v4
            .ranges()
            .iter()
            .map(|(first, last)| (IpAddr::V4((*first).into()), IpAddr::V4((*last).into())));
        let v6 = self
            .v6
            .ranges()
            .iter()
            .map(|(first, last)| (IpAddr::V6((*first).into()), IpAddr::V6((*last).into())));
        v4.chain(v6)
    }

    /// What is in either.
    pub fn union(&self, other: &AddressSet) -> AddressSet {
        AddressSet { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// What is in both.
    pub fn intersection(&self, other: &AddressSet) -> AddressSet {
        AddressSet { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// What is in the first only.
    pub fn difference(&self, other: &AddressSet) -> AddressSet {
        AddressSet { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &AddressSet) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// Whether an address is in both.
    pub fn intersects(&self, other: &AddressSet) -> bool {
        self.v4.intersects(&other.v4) || self.v6.intersects(&other.v6)
    }
}

impl From<Cidr> for AddressSet {
    fn from(block: Cidr) -> AddressSet {
        AddressSet::from_cidrs([block])
    }
}
