//! A report as SARIF 2.1.0, in the shape that code scanning wants. Only the few objects that a
//! report needs.

use std::collections::BTreeMap;

use policy_core::check::{Finding, FindingSeverity, FindingSource, Levels, Report, RuleEntry};
use policy_core::manifest::Locator;
use policy_core::manifest::document::{IsolationRule, Promise, RuleSeverity};
use policy_core::{say, wire};
use serde::Serialize;

use super::{Root, place};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const ROOT_ID: &str = "%SRCROOT%";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// Column numbers are of UTF-16 units.
    column_kind: &'static str,
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    results: Vec<Outcome>,
    properties: RunProperties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties {
    /// Findings that were there before; no results here.
    before: u64,
    rules: u64,
    held: u64,
}

#[derive(Serialize)]
struct Base {
    description: Text,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text,
    full_description: Text,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 3],
    precision: &'static str,
    #[serde(rename = "problem.severity")]
    severity: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    message: Text,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical_locations: Option<[LogicalLocation; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

/// The log of one run: each rule that was judged and each problem that was found is a rule of it,
/// each finding a result; `baselineState` is `new` where there was a world before.
///
/// # Errors
/// It cannot be written as JSON, which is never so.
pub fn check_sarif(
    report: &Report,
    rules: &[RuleEntry],
    levels: &Levels,
    places: &mut Locator<'_>,
    root: &Root,
) -> serde_json::Result<String> {
    let rules = all_rules(report, rules, levels);
    let index: BTreeMap<&str, usize> =
        rules.iter().enumerate().map(|(at, rule)| (rule.id.as_str(), at)).collect();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let results = report.findings.iter().map(|one| {
        let at = index.get(one.id.as_str()).copied().unwrap_or(0);
        let fingerprint = wire::fingerprint(one);
        let number = seen.entry(fingerprint.clone()).or_default();
        *number += 1;
        let fingerprint = format!("{fingerprint}:{number}");
        outcome(one, (at, fingerprint), report.compared, places, root)
    });
    let results = results.collect();
    let description = Text { text: "the top of the repository".to_owned() };
    let run = Run {
        tool: Tool {
            driver: Driver {
                name: "netverdict",
                semantic_version: env!("CARGO_PKG_VERSION"),
                information_uri: env!("CARGO_PKG_REPOSITORY"),
                rules,
            },
        },
        column_kind: "utf16CodeUnits",
        original_uri_base_ids: [(ROOT_ID, Base { description })].into(),
        results,
        properties: RunProperties {
            before: report.before.values().sum(),
            rules: report.rules,
            held: report.held,
        },
    };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    serde_json::to_string_pretty(&log).map(|text| format!("{text}\n"))
}

/// Each id once, by id; a rule that is named as a problem is, is that problem, too.
fn all_rules(report: &Report, rules: &[RuleEntry], levels: &Levels) -> Vec<Rule> {
    let mut all: BTreeMap<String, Rule> = BTreeMap::new();
    for entry in rules {
        let own = match entry.rule.severity {
            RuleSeverity::Error => FindingSeverity::Error,
            RuleSeverity::Warning => FindingSeverity::Warning,
            RuleSeverity::Info => FindingSeverity::Info,
        };
        if let Some(severity) = levels.of(&entry.key.name, own) {
            let rule = isolation_rule(&entry.key.name, &entry.rule, severity);
            all.insert(entry.key.name.clone(), rule);
        }
    }
    for one in &report.findings {
        all.entry(one.id.clone()).or_insert_with(|| problem(&one.id, one.severity));
    }
    all.into_values().collect()
}

fn isolation_rule(name: &str, rule: &IsolationRule, severity: FindingSeverity) -> Rule {
    let promise = match rule.promise {
        Promise::Forbid { .. } => "forbids flows",
        Promise::Require { .. } => "requires flows",
        Promise::Isolated { .. } => "wants NetworkPolicies to select pods",
        Promise::Separate { .. } => "keeps groups of namespaces apart",
    };
    let title = match rule.message.as_str() {
        "" => format!("IsolationRule {name} does not hold"),
        message => message.to_owned(),
    };
    let full = format!("IsolationRule {name} {promise}, and must hold whatever the policies say.");
    let help = format!(
        "{full} A result names the flows that break it, and one of them with the rules that decide \
         it. Change the policy that lets them through, or what the rule excepts."
    );
    descriptor(name, title, full, help, severity)
}

fn problem(id: &str, severity: FindingSeverity) -> Rule {
    match say::problem(id) {
        Some(text) => {
            let full = format!("{}. {}", text.title, text.help);
            descriptor(id, text.title.to_owned(), full, text.help.to_owned(), severity)
        }
        None => descriptor(id, id.to_owned(), id.to_owned(), id.to_owned(), severity),
    }
}

fn descriptor(
    id: &str,
    title: String,
    full: String,
    help: String,
    severity: FindingSeverity,
) -> Rule {
    let markdown = format!("{help}\n\nThe same in a terminal: `netverdict check PATH…`");
    Rule {
        id: id.to_owned(),
        short_description: Text { text: title },
        full_description: Text { text: full },
        help: Help { text: help, markdown },
        default_configuration: Configuration { level: level(severity) },
        properties: RuleProperties {
            tags: ["kubernetes", "network-policy", "security"],
            precision: "very-high",
            severity: match severity {
                FindingSeverity::Error => "error",
                FindingSeverity::Warning => "warning",
                FindingSeverity::Info => "recommendation",
            },
        },
    }
}

fn level(severity: FindingSeverity) -> &'static str {
    match severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "note",
    }
}

fn outcome(
    one: &Finding,
    (rule_index, fingerprint): (usize, String),
    compared: bool,
    places: &mut Locator<'_>,
    root: &Root,
) -> Outcome {
    let mut text = one.message.clone();
    for note in &one.notes {
        text.push('\n');
        text.push_str(note);
    }
    if let Some(help) = &one.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let mut related_locations = Vec::with_capacity(one.related.len());
    for (at, related) in one.related.iter().enumerate() {
        let region = place::of(related.place, &related.path, related.span, places);
        let mut own = location(&region, root);
        own.id = Some(at + 1);
        own.message = Some(Text { text: related.message.clone() });
        related_locations.push(own);
    }
    let mut own = location(&place::region(one, places), root);
    let kind = match one.source {
        FindingSource::Validation | FindingSource::IsolationRule => "resource",
    };
    own.logical_locations = one
        .object
        .as_ref()
        .map(|object| [LogicalLocation { fully_qualified_name: object.clone(), kind }]);
    Outcome {
        rule_id: one.id.clone(),
        rule_index,
        level: level(one.severity),
        baseline_state: compared.then_some("new"),
        message: Text { text },
        locations: vec![own],
        related_locations,
        // The name is the one that code scanning looks for.
        partial_fingerprints: [("primaryLocationLineHash", fingerprint)].into(),
    }
}

fn location(region: &place::Region<'_>, root: &Root) -> Location {
    let (uri, is_below) = root.uri(region.name);
    let artifact_location = ArtifactLocation { uri, uri_base_id: is_below.then_some(ROOT_ID) };
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location,
            region: Region {
                start_line: region.start.line,
                start_column: region.start.column_utf16,
                end_line: region.end.line,
                end_column: region.end.column_utf16,
            },
        },
        logical_locations: None,
        message: None,
    }
}
