//! What flows: ports of each protocol.

use std::fmt;

use super::{PortSet, Protocol};

/// A set of (protocol, port).
///
/// ```
/// use policy_core::netset::{PortSet, Protocol, Traffic};
///
/// let web = Traffic::of(Protocol::Tcp, PortSet::single(443));
/// let dns = Traffic::of(Protocol::Udp, PortSet::single(53));
/// assert_eq!(web.union(&dns).to_string(), "tcp/443, udp/53");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Traffic {
    tcp: PortSet,
    udp: PortSet,
    sctp: PortSet,
}

impl Traffic {
    /// Nothing.
    pub fn empty() -> Traffic {
        Traffic::default()
    }

    /// Every port of every protocol.
    pub fn all() -> Traffic {
        Traffic { tcp: PortSet::all(), udp: PortSet::all(), sctp: PortSet::all() }
    }

    /// Some ports of one protocol.
    pub fn of(protocol: Protocol, ports: PortSet) -> Traffic {
        let mut traffic = Traffic::empty();
        match protocol {
            Protocol::Tcp => traffic.tcp = ports,
            Protocol::Udp => traffic.udp = ports,
            Protocol::Sctp => traffic.sctp = ports,
        }
        traffic
    }

    /// The ports of a protocol.
    pub fn ports(&self, protocol: Protocol) -> &PortSet {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
            Protocol::Sctp => &self.sctp,
        }
    }

    /// Whether a port of a protocol is in it.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.ports(protocol).contains(port)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty() && self.sctp.is_empty()
    }

    /// Whether everything is in it.
    pub fn is_all(&self) -> bool {
        self.tcp.is_all() && self.udp.is_all() && self.sctp.is_all()
    }

    /// What is in either.
    pub fn union(&self, other: &Traffic) -> Traffic {
        self.each(other, PortSet::union)
    }

    /// What is in both.
    pub fn intersection(&self, other: &Traffic) -> Traffic {
        self.each(other, PortSet::intersection)
    }

    /// What is in the first only.
    pub fn difference(&self, other: &Traffic) -> Traffic {
        self.each(other, PortSet::difference)
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Traffic) -> bool {
        Protocol::ALL.into_iter().all(|one| self.ports(one).is_subset(other.ports(one)))
    }

    /// Whether something is in both.
    pub fn intersects(&self, other: &Traffic) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Its ranges: protocol, first port, last port; TCP, UDP, SCTP, then by port.
    pub fn items(&self) -> impl Iterator<Item = (Protocol, u16, u16)> {
        Protocol::ALL.into_iter().flat_map(|protocol| {
            let ranges = self.ports(protocol).ranges().iter();
            ranges.map(move |(first, last)| (protocol, *first, *last))
        })
    }

    fn each(&self, other: &Traffic, op: impl Fn(&PortSet, &PortSet) -> PortSet) -> Traffic {
        Traffic {
            tcp: op(&self.tcp, &other.tcp),
            udp: op(&self.udp, &other.udp),
            sctp: op(&self.sctp, &other.sctp),
        }
    }
}

impl fmt::Display for Traffic {
    /// `tcp/443, tcp/8000-8099, udp`; `all`, `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (at, (protocol, first, last)) in self.items().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            let protocol = protocol.lower_name();
            match (first, last) {
                (1, u16::MAX) => f.write_str(protocol)?,
                (first, last) if first == last => write!(f, "{protocol}/{first}")?,
                (first, last) => write!(f, "{protocol}/{first}-{last}")?,
            }
        }
        Ok(())
    }
}
