//! What a check comes to, in a line.

use crate::check::{FindingSeverity, Report};

/// `1 error, introduced by this change; 2 warnings were there before; 3 of 4 rules hold`
pub fn summary(report: &Report) -> String {
    let counted = |count: &dyn Fn(FindingSeverity) -> u64| {
        let parts = FindingSeverity::ALL.into_iter().filter_map(|severity| {
            let number = count(severity);
            (number > 0).then(|| (number, many(number, noun(severity))))
        });
        let parts: Vec<(u64, String)> = parts.collect();
        let total: u64 = parts.iter().map(|(number, _)| number).sum();
        let parts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
        (total, parts.join(", "))
    };
    let (found, mut line) = counted(&|severity| report.count(severity));
    match (found, report.compared) {
        (0, true) => line.push_str("nothing is introduced by this change"),
        (0, false) => line.push_str("nothing was found"),
        (_, true) => line.push_str(", introduced by this change"),
        (_, false) => {}
    }
    let before = |severity| report.before.get(&severity).copied().unwrap_or(0);
    let (there, text) = counted(&before);
    if there > 0 {
        let were = if there == 1 { "was" } else { "were" };
        line.push_str(&format!("; {text} {were} there before"));
    }
    match (report.rules, report.held) {
        (0, _) => {}
        (1, 1) => line.push_str("; 1 rule holds"),
        (rules, held) if rules == held => line.push_str(&format!("; {rules} rules hold")),
        (rules, held) => line.push_str(&format!("; {held} of {rules} rules hold")),
    }
    line
}

fn noun(severity: FindingSeverity) -> &'static str {
    match severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "hint",
    }
}

fn many(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Finding, FindingSource as Source};
    use crate::manifest::document::Place;

    fn check(
        findings: &[FindingSeverity],
        compared: bool,
        before: u64,
        rules: (u64, u64),
        line: &str,
    ) {
        let finding = |severity: &FindingSeverity| {
            Finding::new(
                "x".into(),
                Source::Validation,
                *severity,
                "x".into(),
                Place { source: 0, document: 0, item: None },
            )
        };
        let report = Report {
            findings: findings.iter().map(finding).collect(),
            compared,
            before: [(FindingSeverity::Warning, before)].into(),
            rules: rules.0,
            held: rules.1,
        };
        assert_eq!(summary(&report), line);
    }

    #[test]
    fn lines() {
        use FindingSeverity::{Error, Info, Warning};
        check(&[], false, 0, (0, 0), "nothing was found");
        check(&[], false, 0, (4, 4), "nothing was found; 4 rules hold");
        check(&[], true, 0, (1, 1), "nothing is introduced by this change; 1 rule holds");
        check(
            &[Error],
            true,
            2,
            (4, 3),
            "1 error, introduced by this change; 2 warnings were there before; 3 of 4 rules hold",
        );
        check(
            &[Error, Warning, Warning, Info],
            true,
            1,
            (1, 0),
            "1 error, 2 warnings, 1 hint, introduced by this change; 1 warning was there before; 0 of 1 rules hold",
        );
        check(&[Warning], false, 0, (0, 0), "1 warning");
    }
}
