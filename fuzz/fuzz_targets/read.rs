//! Bytes to records, and every place that a record points at.

#![no_main]

use libfuzzer_sys::fuzz_target;
use policy_core::manifest::{Locator, ReadOptions, Source, read};
use policy_core::wire;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let options = ReadOptions { namespace: "default".into(), keep_spec: true };
    let reading = read(vec![Source { name: "fuzz".into(), text }], &options);
    let mut places = Locator::new(&reading.sources);
    for record in &reading.records {
        let line = wire::record(record, &mut places);
        // What a server takes though it cannot be evaluated is an error, too.
        let refuses = |d: &wire::DiagnosticJson| d.severity == "error" && d.id != "cannot-evaluate";
        assert_eq!(record.accepted == Some(false), line.diagnostics.iter().any(refuses));
        serde_json::to_string(&line).unwrap();
    }
});
