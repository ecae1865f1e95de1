//! A matrix: classes, blocks and counts; or pairs.

use std::net::IpAddr;

use serde::Serialize;

use super::{PortJson, traffic};
use crate::cluster::Cluster;
use crate::compile::Cell;
use crate::query::{Block, BlockEnds, ClassEntry, Counts, PairEnd};

/// Endpoints that nothing in use tells apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassJson {
    /// Its number, which blocks name.
    pub id: u32,
    /// Its namespace.
    pub namespace: String,
    /// The labels that some selector asks for.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Its pods and workloads, by name.
    pub members: Vec<String>,
}

/// Addresses outside of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddressesJson {
    /// Ranges: `10.0.0.0-10.255.255.255`. An address of a pod that was read is that pod.
    pub addresses: Vec<String>,
}

/// An end of a block or a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum MatrixEndJson {
    /// A class, by number.
    Class(u32),
    /// A workload, by name.
    Workload(String),
    /// Addresses outside.
    Outside(AddressesJson),
}

/// What flows from each of some to each of some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockJson {
    /// The sources.
    pub from: Vec<MatrixEndJson>,
    /// The destinations.
    pub to: Vec<MatrixEndJson>,
    /// What is allowed.
    pub allowed: Vec<PortJson>,
    /// What depends.
    pub depends: Vec<PortJson>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CountsJson {
    /// Classes with an endpoint.
    pub classes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Pairs of classes between which something flows, or may.
    pub class_pairs: u64,
    /// Pairs of pods, each with another, between which something flows, or may.
    pub pod_pairs: u64,
}

/// A line of `netverdict matrix --pairs -o json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairJson {
    /// The source.
    pub from: MatrixEndJson,
    /// The destination.
    pub to: MatrixEndJson,
    /// What is allowed.
    pub allowed: Vec<PortJson>,
    /// What depends.
    pub depends: Vec<PortJson>,
}

/// A class.
pub fn class(class: &ClassEntry, cluster: &Cluster) -> ClassJson {
    ClassJson {
        id: class.id.0,
        namespace: class.namespace.clone(),
        labels: class.labels.iter().cloned().collect(),
        members: class.members.iter().map(|id| cluster.display(*id)).collect(),
    }
}

/// A block.
pub fn block(block: &Block) -> BlockJson {
    BlockJson {
        from: ends(&block.from),
        to: ends(&block.to),
        allowed: traffic(&block.cell.allowed),
        depends: traffic(&block.cell.depends),
    }
}

fn ends(ends: &BlockEnds) -> Vec<MatrixEndJson> {
    let classes = ends.classes.iter().map(MatrixEndJson::Class);
    let outside = (!ends.addresses.is_empty())
        .then(|| MatrixEndJson::Outside(AddressesJson { addresses: ranges(&ends.addresses) }));
    classes.chain(outside).collect()
}

/// Ranges as text: `10.0.0.0-10.255.255.255`.
pub fn ranges(ranges: &[(IpAddr, IpAddr)]) -> Vec<String> {
    ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect()
}

/// Counts.
pub fn counts(counts: Counts) -> CountsJson {
    let Counts { classes, blocks, class_pairs, pod_pairs } = counts;
    CountsJson { classes, blocks, class_pairs, pod_pairs }
}

/// A pair.
pub fn pair(from: &PairEnd<'_>, to: &PairEnd<'_>, cell: &Cell) -> PairJson {
    let end = |end: &PairEnd<'_>| match end {
        PairEnd::Workload(name) => MatrixEndJson::Workload((*name).to_owned()),
        PairEnd::Addresses(addresses) => {
            MatrixEndJson::Outside(AddressesJson { addresses: ranges(addresses) })
        }
    };
    PairJson {
        from: end(from),
        to: end(to),
        allowed: traffic(&cell.allowed),
        depends: traffic(&cell.depends),
    }
}

/// Writes a block as JSON: the bytes of [`block`], without the values between.
///
/// # Errors
/// Writing failed.
pub fn write_block(out: &mut impl std::io::Write, block: &Block) -> std::io::Result<()> {
    fn side(text: &mut String, ends: &BlockEnds) {
        use std::fmt::Write;
        let mut first = true;
        for class in ends.classes.iter() {
            if !first {
                text.push(',');
            }
            first = false;
            let _ = write!(text, "{class}");
        }
        if !ends.addresses.is_empty() {
            text.push_str(if first { "{\"addresses\":[" } else { ",{\"addresses\":[" });
            for (at, range) in ranges(&ends.addresses).iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                let _ = write!(text, "{comma}\"{range}\"");
            }
            text.push_str("]}");
        }
    }
    let mut text = String::from("{\"from\":[");
    side(&mut text, &block.from);
    text.push_str("],\"to\":[");
    side(&mut text, &block.to);
    text.push_str("],\"allowed\":");
    out.write_all(text.as_bytes())?;
    serde_json::to_writer(&mut *out, &traffic(&block.cell.allowed))?;
    out.write_all(b",\"depends\":")?;
    serde_json::to_writer(&mut *out, &traffic(&block.cell.depends))?;
    out.write_all(b"}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netset::Members;

    #[test]
    fn both_ways_write_the_same() {
        let ends = |classes: &[u32], addresses: &[(&str, &str)]| BlockEnds {
            classes: classes.iter().copied().collect::<Members>(),
            addresses: addresses
                .iter()
                .map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()))
                .collect(),
        };
        let cell = Cell { allowed: crate::netset::Traffic::all(), ..Cell::default() };
        let outside = ends(&[], &[("10.0.0.0", "10.0.0.9"), ("::", "::1")]);
        for (from, to) in [
            (ends(&[1, 2, 9], &[]), ends(&[3], &[])),
            (outside.clone(), ends(&[3], &[])),
            (ends(&[1], &[("1.1.1.1", "1.1.1.2")]), outside),
        ] {
            let own = Block { from, to, cell: cell.clone() };
            let mut written = Vec::new();
            write_block(&mut written, &own).unwrap();
            let value = serde_json::to_string(&block(&own)).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), value);
        }
    }
}
