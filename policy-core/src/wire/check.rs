//! The report of a check, and the one shape of a finding.

use serde::{Deserialize, Serialize};

use super::{
    API_VERSION, AddressesJson, MatrixEndJson, PortJson, RelatedJson, WhyJson, ranges, traffic,
};
use crate::check::{Finding, FindingSeverity, Report};
use crate::manifest::{FieldPath, Locator, Position};
use crate::query::Part;
use crate::rules::{FlowBlock, NamedEnds, Violation, Witness};
use crate::say;

/// The document of `netverdict check -o json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckJson {
    /// The version of this document.
    pub api_version: &'static str,
    /// The findings, the worst first; with a world before, those that are new.
    pub findings: Vec<FindingJson>,
    /// How many there are.
    pub counts: CheckCountsJson,
}

/// How many findings there are, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckCountsJson {
    /// Findings that are errors.
    pub errors: u64,
    /// Findings that are warnings.
    pub warnings: u64,
    /// Findings that are for information.
    pub infos: u64,
    /// Findings that were there before, of any severity.
    pub before: u64,
    /// Rules that were judged.
    pub rules: u64,
    /// Rules that hold.
    pub held: u64,
}

/// A finding: what is wrong, where, and of a broken rule which flows break it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FindingJson {
    /// The name of the rule, or the stable name of the problem.
    pub id: String,
    /// What found it: `validation` or `isolationRule`.
    pub source: &'static str,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// What is wrong, in a line.
    pub message: String,
    /// The object that it is about: `NetworkPolicy payments/deny-all`.
    pub object: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
    /// The column in UTF-16 units, from 1.
    pub column_utf16: u32,
    /// The field in the object: `spec.ingress[0].from[1]`.
    pub path: String,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Other places that matter.
    pub related: Vec<RelatedJson>,
    /// Every flow that breaks the rule: disjoint blocks, sorted.
    pub blocks: Vec<FlowBlockJson>,
    /// The pods that no NetworkPolicy isolates though the rule wants it.
    pub open: Vec<OpenPodsJson>,
    /// One of those flows.
    pub witness: Option<WitnessJson>,
    /// The policies that are involved.
    pub policies: Vec<String>,
    /// What was assumed of what the manifests do not say.
    pub assumptions: Vec<String>,
    /// The same for the same finding, wherever its lines have moved to.
    pub fingerprint: String,
}

/// What flows, or should, from each of some to each of some.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowBlockJson {
    /// The sources: workloads, pods, nodes and addresses.
    pub from: Vec<MatrixEndJson>,
    /// The destinations.
    pub to: Vec<MatrixEndJson>,
    /// What is allowed.
    pub allowed: Vec<PortJson>,
    /// What depends.
    pub depends: Vec<PortJson>,
    /// What is denied, of a rule that requires it.
    pub denied: Vec<PortJson>,
}

/// Pods that are not isolated for a direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenPodsJson {
    /// `ingress` or `egress`.
    pub direction: &'static str,
    /// The workloads and pods.
    pub pods: Vec<String>,
}

/// One flow that breaks a rule: what `netverdict flow` says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WitnessJson {
    /// The source, as `--from` takes it.
    pub from: String,
    /// The destination, as `--to` takes it.
    pub to: String,
    /// The protocol.
    pub protocol: &'static str,
    /// The port.
    pub port: u16,
    /// `allow`, `deny` or `depends`.
    pub verdict: &'static str,
    /// The clauses that it hangs on.
    pub clauses: Vec<String>,
    /// Why.
    pub why: Option<WhyJson>,
}

/// What a host asks of a check.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// The manifests of the world before; with them, only what is new is a finding.
    #[serde(default)]
    pub base: Option<Vec<super::ManifestJson>>,
    /// `off`, `info`, `warning` or `error` by id of a finding.
    #[serde(default)]
    pub levels: std::collections::BTreeMap<String, String>,
}

/// The document of a report.
pub fn check(
    report: &Report,
    cluster: &crate::cluster::Cluster,
    places: &mut Locator<'_>,
) -> CheckJson {
    CheckJson {
        api_version: API_VERSION,
        findings: report.findings.iter().map(|one| finding(one, cluster, places)).collect(),
        counts: CheckCountsJson {
            errors: report.count(FindingSeverity::Error),
            warnings: report.count(FindingSeverity::Warning),
            infos: report.count(FindingSeverity::Info),
            before: report.before.values().sum(),
            rules: report.rules,
            held: report.held,
        },
    }
}

/// Where a finding begins.
pub fn finding_position(one: &Finding, places: &mut Locator<'_>) -> Position {
    let offset = if one.span == Default::default() {
        places.locate(one.place, &one.path).map_or(0, |found| found.span.start)
    } else {
        one.span.start
    };
    let first = Position { line: 1, column: 1, column_utf16: 1 };
    places.position(one.place, offset).unwrap_or(first)
}

/// A finding with its places.
pub fn finding(
    one: &Finding,
    cluster: &crate::cluster::Cluster,
    places: &mut Locator<'_>,
) -> FindingJson {
    let start = finding_position(one, places);
    let related = one.related.iter().map(|related| {
        let start = places.locate(related.place, &related.path).map(|found| found.start);
        RelatedJson {
            message: related.message.clone(),
            file: places.name(related.place).to_owned(),
            line: start.map_or(1, |start| start.line),
            column: start.map_or(1, |start| start.column),
        }
    });
    let related = related.collect();
    let violation = one.violation.as_deref();
    let witness = violation.and_then(|own| own.witness.as_ref());
    FindingJson {
        id: one.id.clone(),
        source: one.source.name(),
        severity: one.severity.name(),
        message: one.message.clone(),
        object: one.object.clone(),
        file: places.name(one.place).to_owned(),
        line: start.line,
        column: start.column,
        column_utf16: start.column_utf16,
        path: one.path.to_string(),
        notes: one.notes.clone(),
        help: one.help.clone(),
        related,
        blocks: violation.map_or_else(Vec::new, |own| own.blocks.iter().map(block).collect()),
        open: violation.map_or_else(Vec::new, open),
        witness: witness.map(|witness| witness_json(witness, cluster, places)),
        policies: one.policies.iter().map(say::object).collect(),
        assumptions: one.assumptions.iter().map(ToString::to_string).collect(),
        fingerprint: fingerprint(one),
    }
}

fn open(violation: &Violation) -> Vec<OpenPodsJson> {
    let open = violation.open.iter().map(|(direction, pods)| OpenPodsJson {
        direction: direction.name(),
        pods: pods.names.clone(),
    });
    open.collect()
}

fn block(block: &FlowBlock) -> FlowBlockJson {
    FlowBlockJson {
        from: ends(&block.from),
        to: ends(&block.to),
        allowed: traffic(&block.allowed),
        depends: traffic(&block.depends),
        denied: traffic(&block.denied),
    }
}

fn ends(ends: &NamedEnds) -> Vec<MatrixEndJson> {
    let names = ends.names.iter().cloned().map(MatrixEndJson::Workload);
    let outside = (!ends.addresses.is_empty())
        .then(|| MatrixEndJson::Outside(AddressesJson { addresses: ranges(&ends.addresses) }));
    names.chain(outside).collect()
}

fn witness_json(
    witness: &Witness,
    cluster: &crate::cluster::Cluster,
    places: &mut Locator<'_>,
) -> WitnessJson {
    let why = witness.answer.parts.first().and_then(|part: &Part| {
        let names = [part.from.display(cluster), part.to.display(cluster)];
        Some(super::why(part.why.as_deref()?, &names, places))
    });
    WitnessJson {
        from: witness.question.from.to_string(),
        to: witness.question.to.to_string(),
        protocol: witness.protocol.name(),
        port: witness.port,
        verdict: witness.answer.verdict.name(),
        clauses: witness.answer.clauses.iter().map(ToString::to_string).collect(),
        why,
    }
}

/// What stays the same where lines move: the id, the object, the field. Of a broken rule, the rule.
pub fn fingerprint(one: &Finding) -> String {
    let path = if one.violation.is_some() { FieldPath::root() } else { one.path.clone() };
    let object = one.object.as_deref().filter(|_| one.violation.is_none()).unwrap_or("");
    let message = if one.violation.is_some() { "" } else { &one.message };
    let path = path.to_string();
    // FNV-1a, 64 bits.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [one.source.name(), &one.id, object, &path, message] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
