//! What was read, object by object.

use serde::Serialize;
use serde_json::Value;

use crate::manifest::{Diagnostic, FieldPath, Locator, Record};

/// A line of `netverdict validate -o json`: one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordJson {
    /// The file, as given; `-` for standard input.
    pub file: String,
    /// The index of the document in the file, from 0.
    pub document: u32,
    /// Where the object stands in its document: empty, or `items[3]`.
    pub path: String,
    /// `kind`; null for text that cannot be parsed.
    pub kind: Option<String>,
    /// The namespace, if the kind has one.
    pub namespace: Option<String>,
    /// `metadata.name`
    pub name: Option<String>,
    /// Whether the API server accepts it; null for a kind that is not read.
    pub accepted: Option<bool>,
    /// What is wrong with it.
    pub diagnostics: Vec<DiagnosticJson>,
    /// `spec` with the defaults filled in.
    pub spec: Option<Value>,
}

/// A problem and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticJson {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// A stable name of the problem.
    pub id: &'static str,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
    /// The column in UTF-16 units, from 1.
    pub column_utf16: u32,
    /// The field: `spec.ingress[0].from[1]`.
    pub path: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Other places that matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedJson>,
}

/// Another place that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RelatedJson {
    /// Why.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
}

/// The line of a record.
pub fn record(record: &Record, places: &mut Locator<'_>) -> RecordJson {
    let item = record.place.item.map(|item| FieldPath::root().key("items").index(item as usize));
    RecordJson {
        file: places.name(record.place).to_owned(),
        document: record.place.document,
        path: item.unwrap_or_default().to_string(),
        kind: record.kind.clone(),
        namespace: record.namespace.clone(),
        name: record.name.clone(),
        accepted: record.accepted,
        diagnostics: record.diagnostics.iter().map(|one| diagnostic(one, places)).collect(),
        spec: record.spec.clone(),
    }
}

/// A diagnostic with its place.
pub fn diagnostic(one: &Diagnostic, places: &mut Locator<'_>) -> DiagnosticJson {
    // A problem with a whole object points at its first byte.
    let offset = if one.span == Default::default() {
        places.locate(one.place, &one.path).map_or(0, |location| location.span.start)
    } else {
        one.span.start
    };
    let position = places.position(one.place, offset);
    let (line, column, column_utf16) =
        position.map_or((1, 1, 1), |at| (at.line, at.column, at.column_utf16));
    let related = one.related.iter().map(|related| {
        let start = places.locate(related.place, &related.path).map(|location| location.start);
        RelatedJson {
            message: related.message.clone(),
            file: places.name(related.place).to_owned(),
            line: start.map_or(1, |start| start.line),
            column: start.map_or(1, |start| start.column),
        }
    });
    DiagnosticJson {
        severity: one.severity.name(),
        id: one.id,
        message: one.message.clone(),
        file: String::new(),
        line,
        column,
        column_utf16,
        path: one.path.to_string(),
        help: one.help.clone(),
        related: related.collect(),
    }
    .in_file(places.name(one.place))
}

impl DiagnosticJson {
    fn in_file(mut self, file: &str) -> DiagnosticJson {
        file.clone_into(&mut self.file);
        self
    }
}
