//! What changes open and close: the document of `netverdict diff -o json`.

use serde::Serialize;

use super::matrix::ranges;
use super::{API_VERSION, AddressesJson, PortJson, traffic};
use crate::manifest::{FieldPath, Locator};
use crate::query::{Cause, ChangedObject, Diff, DiffBlock, DiffEnds, RadiusMoved, Reach, Turn};

/// What changes open and close.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiffJson {
    /// The version of this document.
    pub api_version: &'static str,
    /// Denied before, allowed now; the most exposing first.
    pub opened: Vec<DiffBlockJson>,
    /// Allowed before, denied now.
    pub closed: Vec<DiffBlockJson>,
    /// Sure before, open to readings now.
    pub to_depends: Vec<DiffBlockJson>,
    /// Open to readings before, sure now.
    pub from_depends: Vec<DiffBlockJson>,
    /// Allowed as it was, between ends of which something else changed.
    pub kept: Vec<KeptJson>,
    /// Every object that changed.
    pub objects: Vec<ChangedObjectJson>,
    /// How far pods reach, where that moved.
    pub blast_radius: Vec<RadiusJson>,
    /// How many blocks there are.
    pub counts: DiffCountsJson,
}

/// An end of a block: a pod or workload by name, or addresses outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum DiffEndJson {
    /// A workload whose pods are all meant, or a pod.
    Workload(String),
    /// Addresses outside.
    Outside(AddressesJson),
}

/// Flows from each of some to each of some whose verdict changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiffBlockJson {
    /// The sources.
    pub from: Vec<DiffEndJson>,
    /// The destinations.
    pub to: Vec<DiffEndJson>,
    /// The ports.
    pub ports: Vec<PortJson>,
    /// The verdict before: `allow`, `deny` or `depends`; `deny` too where an end was not there.
    pub before: &'static str,
    /// The verdict after.
    pub after: &'static str,
    /// `fromOutside`, `toOutside`, `acrossNamespaces` or `withinNamespace`.
    pub exposure: &'static str,
    /// What changed it: without any of these it would not have; or, where several would have done
    /// it alone, those; or all of them together.
    pub because: Vec<CauseJson>,
}

/// Flows that are allowed as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptJson {
    /// The sources.
    pub from: Vec<DiffEndJson>,
    /// The destinations.
    pub to: Vec<DiffEndJson>,
    /// The ports.
    pub ports: Vec<PortJson>,
}

/// An object that changed flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CauseJson {
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `added`, `removed` or `changed`.
    pub how: &'static str,
    /// What of it, where that can be said: `labels`, `ports`, `addresses`, `pods`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<&'static str>,
}

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedObjectJson {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `added`, `removed` or `changed`.
    pub how: &'static str,
    /// `flows`: it is the cause of some block; `noFlow`: no flow changes by it; `sameMeaning`: a
    /// policy in other words that mean the same.
    pub effect: &'static str,
    /// The file on the second side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line there, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// How far pods reach, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RadiusJson {
    /// The pods and workloads of which this holds, one by one.
    pub endpoints: Vec<String>,
    /// How many pods each reaches, on any port, itself aside; left out where that did not move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaches: Option<MovedJson>,
    /// How many pods reach each; left out where that did not move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached_by: Option<MovedJson>,
}

/// A number of pods before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MovedJson {
    /// Before.
    pub before: PodsJson,
    /// After.
    pub after: PodsJson,
}

/// A number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PodsJson {
    /// On some port, for certain.
    pub allowed: u64,
    /// On some port in some reading, on none for certain.
    pub depends: u64,
}

/// How many blocks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiffCountsJson {
    /// Of `opened`.
    pub opened: u64,
    /// Of `closed`.
    pub closed: u64,
    /// Of `toDepends`.
    pub to_depends: u64,
    /// Of `fromDepends`.
    pub from_depends: u64,
    /// Objects that changed.
    pub objects: u64,
}

/// The document; `places` are those of the second side.
pub fn diff(diff: &Diff, places: &mut Locator<'_>) -> DiffJson {
    let blocks = |turn| diff.of(turn).map(|block| one(diff, block)).collect();
    let count = |turn| diff.of(turn).count() as u64;
    DiffJson {
        api_version: API_VERSION,
        opened: blocks(Turn::Opened),
        closed: blocks(Turn::Closed),
        to_depends: blocks(Turn::ToDepends),
        from_depends: blocks(Turn::FromDepends),
        kept: diff
            .kept
            .iter()
            .map(|block| KeptJson {
                from: ends(diff, &block.from),
                to: ends(diff, &block.to),
                ports: traffic(&block.traffic),
            })
            .collect(),
        objects: diff.objects.iter().map(|one| object(one, places)).collect(),
        blast_radius: diff.radius.iter().map(radius).collect(),
        counts: DiffCountsJson {
            opened: count(Turn::Opened),
            closed: count(Turn::Closed),
            to_depends: count(Turn::ToDepends),
            from_depends: count(Turn::FromDepends),
            objects: diff.objects.len() as u64,
        },
    }
}

fn one(diff: &Diff, block: &DiffBlock) -> DiffBlockJson {
    DiffBlockJson {
        from: ends(diff, &block.from),
        to: ends(diff, &block.to),
        ports: traffic(&block.traffic),
        before: block.before.name(),
        after: block.after.name(),
        exposure: block.exposure.name(),
        because: block.because.iter().map(cause).collect(),
    }
}

fn ends(diff: &Diff, ends: &DiffEnds) -> Vec<DiffEndJson> {
    let named = diff.units(ends).map(|unit| DiffEndJson::Workload(unit.name.clone()));
    let outside = (!ends.addresses.is_empty())
        .then(|| DiffEndJson::Outside(AddressesJson { addresses: ranges(&ends.addresses) }));
    named.chain(outside).collect()
}

fn cause(cause: &Cause) -> CauseJson {
    let Cause { kind, namespace, name, how, what } = cause.clone();
    CauseJson { kind, namespace, name, how: how.name(), what }
}

fn object(one: &ChangedObject, places: &mut Locator<'_>) -> ChangedObjectJson {
    let found = one.place.and_then(|place| places.locate(place, &FieldPath::default()));
    ChangedObjectJson {
        kind: one.key.kind.name(),
        namespace: one.key.namespace.clone(),
        name: one.key.name.clone(),
        how: one.how.name(),
        effect: one.effect.name(),
        file: one.place.map(|place| places.name(place).to_owned()),
        line: found.map(|found| found.start.line),
    }
}

fn radius(one: &RadiusMoved) -> RadiusJson {
    let pods = |reach: Reach| PodsJson { allowed: reach.allowed, depends: reach.depends };
    let moved = |(was, is): (Reach, Reach)| MovedJson { before: pods(was), after: pods(is) };
    RadiusJson {
        endpoints: one.units.clone(),
        reaches: one.reaches.map(moved),
        reached_by: one.reached_by.map(moved),
    }
}
