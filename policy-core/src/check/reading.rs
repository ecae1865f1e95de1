//! What was wrong with what was read, as findings.

use super::finding::{Finding, Source, of_diagnostic};
use crate::manifest::{Diagnostic, Record};
use crate::say;

/// Every diagnostic of some records.
pub(super) fn findings(records: &[Record]) -> Vec<Finding> {
    let of = |record: &Record| {
        let object = say::record(record);
        let own = record.diagnostics.iter().map(move |one| finding(one, object.clone()));
        own.collect::<Vec<_>>()
    };
    records.iter().flat_map(of).collect()
}

fn finding(one: &Diagnostic, object: Option<String>) -> Finding {
    let severity = of_diagnostic(one.severity);
    let message = one.message.clone();
    Finding {
        object,
        path: one.path.clone(),
        span: one.span,
        label: one.path.to_string(),
        help: one.help.clone(),
        related: one.related.clone(),
        ..Finding::new(one.id.to_owned(), Source::Validation, severity, message, one.place)
    }
}
