//! Bytes to the settings of a team, and to which files they leave out.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match policy_config::parse(&text) {
        Ok(config) => {
            for path in ["a.yaml", "a/b/c.yaml", "charts/web/templates/x.yaml", &text] {
                config.exclude.covers(path);
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(mistake.span.start <= mistake.span.end && mistake.span.end <= text.len());
                assert!(text.get(mistake.span.clone()).is_some(), "{mistake}");
                assert!(mistake.start.line >= 1 && mistake.start.column >= 1);
                let help = mistake.help.as_deref();
                let style = policy_report::Style::Plain;
                policy_report::mistake("x", &text, mistake.span, &mistake.message, help, style);
            }
        }
    }
});
