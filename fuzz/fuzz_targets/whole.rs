//! Bytes to answers: everything that a host can ask of manifests.

#![no_main]

use libfuzzer_sys::fuzz_target;
use policy_core::wire::{ManifestJson, MatrixRequest, QueryJson, Request, handle};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.len() > 20_000 {
        return;
    }
    // Ends that the seeds have, and one from the text.
    let word = text.split_whitespace().next().unwrap_or("").to_owned();
    let query = |from: &str, to: &str, port: Option<u16>| QueryJson {
        from: from.to_owned(),
        to: to.to_owned(),
        port: port.map(Into::into),
        protocol: None,
    };
    let request = Request {
        manifests: vec![ManifestJson { name: "fuzz".into(), text }],
        validate: true,
        flows: Some(vec![
            query("x/a", "x/b", Some(80)),
            query("x/b", "svc/x/s", None),
            query("10.0.0.0/8", "x/b", None),
            query(&word, "x/a", None),
        ]),
        matrix: Some(MatrixRequest::default()),
        isolation: true,
        ..Request::default()
    };
    let response = handle(request);
    serde_json::to_string(&response).unwrap();
});
