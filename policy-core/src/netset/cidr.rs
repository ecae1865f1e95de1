//! Blocks of addresses, and their spellings (C21).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Family;

/// A block of addresses: those that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The first address: every bit behind the prefix is 0.
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The block of an address; none if the prefix is longer than an address of the family.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Cidr> {
        let first = match address {
            IpAddr::V4(v4) if prefix <= 32 => {
                IpAddr::V4((v4.to_bits() & !low_bits(32, prefix) as u32).into())
            }
            IpAddr::V6(v6) if prefix <= 128 => {
                IpAddr::V6((v6.to_bits() & !low_bits(128, prefix)).into())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Cidr { first, prefix })
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.first)
    }

    /// How many bits its addresses have in common.
    pub fn prefix_len(&self) -> u8 {
        self.prefix
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// Its last address.
    pub fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() | low_bits(32, self.prefix) as u32).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() | low_bits(128, self.prefix)).into()),
        }
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(address) == self.family() && self.first <= address && address <= self.last()
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Cidr) -> bool {
        other.contains(self.first) && other.contains(self.last())
    }
}

/// The bits behind a prefix.
fn low_bits(width: u32, prefix: u8) -> u128 {
    let free = width.saturating_sub(u32::from(prefix));
    1_u128.checked_shl(free).map_or(u128::MAX, |bit| bit - 1)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// A block as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedCidr {
    /// The block.
    pub cidr: Cidr,
    /// What newer API servers refuse about the spelling.
    pub spelling: Vec<LegacySpelling>,
}

/// A spelling that older API servers take and newer ones refuse in new objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegacySpelling {
    /// `010.0.0.0/8`, `10.0.0.0/08`: read as decimal.
    LeadingZeros,
    /// `10.1.2.3/8`: the bits behind the prefix count for nothing.
    HostBits,
    /// `::ffff:10.0.0.0/104`: the IPv4 block, if the prefix leaves that.
    Ipv4Mapped,
}

/// The text is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrError;

/// Reads a block as Go's `ParseCIDR` of older API servers does.
///
/// # Errors
/// The text is no block for any API server.
///
/// ```
/// use policy_core::netset::{LegacySpelling, parse_cidr};
///
/// let parsed = parse_cidr("10.1.2.3/8").unwrap();
/// assert_eq!(parsed.cidr.to_string(), "10.0.0.0/8");
/// assert_eq!(parsed.spelling, [LegacySpelling::HostBits]);
/// ```
pub fn parse_cidr(text: &str) -> Result<ParsedCidr, CidrError> {
    let (ip, prefix) = text.split_once('/').ok_or(CidrError)?;
    let (ip, mut spelling) = parse_as_written(ip)?;
    let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = prefix.parse().ok().filter(|_| is_number).ok_or(CidrError)?;
    if prefix.len() > 1 && prefix.starts_with('0') {
        spelling.push(LegacySpelling::LeadingZeros);
    }
    let written = Cidr::new(ip, length).ok_or(CidrError)?;
    if written.first() != ip {
        spelling.push(LegacySpelling::HostBits);
    }
    let cidr = match mapped(ip) {
        Some(v4) => {
            spelling.push(LegacySpelling::Ipv4Mapped);
            let narrowed = length.checked_sub(96).and_then(|short| Cidr::new(v4.into(), short));
            narrowed.unwrap_or(written)
        }
        None => written,
    };
    spelling.sort_unstable();
    spelling.dedup();
    Ok(ParsedCidr { cidr, spelling })
}

/// Reads an address as Go's `ParseIP` of older API servers does; an IPv4-mapped one is the IPv4
/// address.
///
/// # Errors
/// The text is no address.
pub fn parse_ip(text: &str) -> Result<(IpAddr, Vec<LegacySpelling>), CidrError> {
    let (ip, mut spelling) = parse_as_written(text)?;
    match mapped(ip) {
        Some(v4) => {
            spelling.push(LegacySpelling::Ipv4Mapped);
            Ok((v4.into(), spelling))
        }
        None => Ok((ip, spelling)),
    }
}

fn mapped(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    }
}

fn parse_as_written(text: &str) -> Result<(IpAddr, Vec<LegacySpelling>), CidrError> {
    let mut spelling = Vec::new();
    if !text.contains(':') {
        let v4 = parse_v4(text, &mut spelling)?;
        return Ok((v4.into(), spelling));
    }
    // An IPv6 address may end in an IPv4 one.
    let plain = match text.rsplit_once(':') {
        Some((head, tail)) if tail.contains('.') => {
            format!("{head}:{}", parse_v4(tail, &mut spelling)?)
        }
        _ => text.to_owned(),
    };
    let v6: Ipv6Addr = plain.parse().map_err(|_| CidrError)?;
    Ok((v6.into(), spelling))
}

fn parse_v4(text: &str, spelling: &mut Vec<LegacySpelling>) -> Result<Ipv4Addr, CidrError> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next().ok_or(CidrError)?;
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(CidrError);
        }
        if part.len() > 1 && part.starts_with('0') {
            spelling.push(LegacySpelling::LeadingZeros);
        }
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| CidrError)? };
    }
    if parts.next().is_some() { Err(CidrError) } else { Ok(octets.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = match parse_cidr(text) {
            Ok(ParsedCidr { cidr, spelling }) if spelling.is_empty() => cidr.to_string(),
            Ok(ParsedCidr { cidr, spelling }) => format!("{cidr} {spelling:?}"),
            Err(CidrError) => "refused".to_owned(),
        };
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn spellings() {
        check("10.0.0.0/8", "10.0.0.0/8");
        check("0.0.0.0/0", "0.0.0.0/0");
        check("10.0.0.1/32", "10.0.0.1/32");
        check("::/0", "::/0");
        check("2001:DB8::/32", "2001:db8::/32");
        check("2001:0db8:0000:0000:0000:0000:0000:0000/32", "2001:db8::/32");
        check("010.0.0.0/8", "10.0.0.0/8 [LeadingZeros]");
        check("10.0.0.0/08", "10.0.0.0/8 [LeadingZeros]");
        check("10.1.2.3/16", "10.1.0.0/16 [HostBits]");
        check("2001:db8::1/32", "2001:db8::/32 [HostBits]");
        check("::ffff:10.1.0.0/112", "10.1.0.0/16 [Ipv4Mapped]");
        check("::ffff:10.0.0.0/24", "::/24 [HostBits, Ipv4Mapped]");
        for refused in [
            "10.1.2.3",
            "10.0/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8 ",
            "10.0.0.0/255.0.0.0",
            "::/129",
            "foo",
            "",
            "/",
            "1.2.3.4.5/8",
            "256.0.0.0/8",
            "10..0.0/8",
            ":::/8",
            "fe80::1%eth0/64",
        ] {
            check(refused, "refused");
        }
    }

    #[test]
    fn every_block_of_every_length() {
        for prefix in 0..=32 {
            let block = Cidr::new(Ipv4Addr::new(203, 0, 113, 77).into(), prefix).unwrap();
            assert!(block.contains("203.0.113.77".parse().unwrap()));
            let (IpAddr::V4(first), IpAddr::V4(last)) = (block.first(), block.last()) else {
                panic!("{block}");
            };
            let size = u64::from(last.to_bits()) - u64::from(first.to_bits()) + 1;
            assert_eq!(size, 1 << (32 - prefix));
            assert!(block.is_subset(&Cidr::new(block.first(), prefix / 2).unwrap()));
        }
        assert_eq!(
            Cidr::new("::".parse().unwrap(), 0).unwrap().last().to_string(),
            Ipv6Addr::from_bits(u128::MAX).to_string()
        );
        assert_eq!(Cidr::new("10.0.0.0".parse().unwrap(), 33), None);
    }
}
