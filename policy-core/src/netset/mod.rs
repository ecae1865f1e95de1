//! Sets of network things: ports, addresses, traffic, members. They know nothing of Kubernetes.
//!
//! Every set has one form, so `==` and `Hash` are set equality. Operations return values and leave
//! their operands alone.

mod addresses;
mod cidr;
mod interval;
mod members;
mod names;
mod ports;
mod traffic;

pub use addresses::AddressSet;
pub use cidr::{Cidr, CidrError, LegacySpelling, ParsedCidr, parse_cidr, parse_ip};
pub use interval::{Bound, IntervalSet};
pub use members::Members;
pub use names::{Direction, Family, Protocol};
pub use ports::PortSet;
pub use traffic::Traffic;
