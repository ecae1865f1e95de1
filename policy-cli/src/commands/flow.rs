//! `netverdict flow`: one question, or a stream of them.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Mutex;

use policy_core::compile::{CompiledPolicy, Options, compile};
use policy_core::manifest::document::Object;
use policy_core::manifest::{Locator, Source};
use policy_core::profile::Profile;
use policy_core::query::{Detail, Question, Verdict, flow, parse_port};
use policy_core::wire::{self, QueryJson, answer_query};
use policy_report::flow_text;
use rayon::prelude::*;

use crate::Exit;
use crate::args::{FlowArguments, TextOrJson};
use crate::input;
use crate::output::{Failure, print, stdout, style};

/// Above so many objects the other profiles are not asked what they say of an open flow.
const OBJECTS_FOR_PROFILES: usize = 20_000;

pub(crate) fn run(arguments: &FlowArguments) -> Result<Exit, Failure> {
    let common = &arguments.common;
    let queries_from_stdin = arguments.queries.as_deref() == Some(Path::new("-"));
    if queries_from_stdin && common.paths.iter().any(|path| path == Path::new("-")) {
        let both = "manifests and queries cannot both come from standard input";
        return Err(Failure::Said(both.to_owned()));
    }
    let mut input = input::read(common, false)?;
    input.note(common)?;
    let few = input.objects.len() <= OBJECTS_FOR_PROFILES && arguments.queries.is_none();
    let objects = if few { input.objects.clone() } else { Vec::new() };
    let policy = input.compile(common, &arguments.reading);
    let mut places = Locator::new(&input.reading.sources);
    if let Some(queries) = &arguments.queries {
        return stream(queries, &policy, arguments.no_why, &input.reading.sources);
    }
    let said = |error: &dyn std::fmt::Display| Failure::Said(error.to_string());
    let query = QueryJson {
        from: arguments.from.clone().unwrap_or_default(),
        to: arguments.to.clone().unwrap_or_default(),
        port: arguments.port.as_deref().map(json_port),
        protocol: arguments.protocol.map(|protocol| protocol.name().to_owned()),
    };
    let question = query.question().map_err(|error| said(&error))?;
    let answer = flow(&policy, &question, Detail::Why).map_err(|error| said(&error))?;
    match arguments.output {
        TextOrJson::Json => {
            let places = (!arguments.no_why).then_some(&mut places);
            let line = wire::answer(&query, &question, &answer, policy.cluster(), places);
            let document = serde_json::json!({ "apiVersion": wire::API_VERSION });
            let mut document = document;
            if let (Some(all), serde_json::Value::Object(own)) =
                (document.as_object_mut(), serde_json::to_value(&line)?)
            {
                all.extend(own);
            }
            print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
        }
        TextOrJson::Text => {
            let others = match answer.verdict {
                Verdict::Depends if few => others(&objects, &question, arguments),
                _ => Vec::new(),
            };
            let style = style(common.color, &std::io::stdout());
            print(&flow_text(&answer, policy.cluster(), &mut places, &others, style))?;
        }
    }
    Ok(match answer.verdict {
        Verdict::Allow => Exit::Done,
        Verdict::Deny => Exit::No,
        Verdict::Depends => Exit::Depends,
        Verdict::Mixed => Exit::Mixed,
    })
}

fn json_port(text: &str) -> serde_json::Value {
    match parse_port(text) {
        Some(policy_core::manifest::document::PortRef::Number(number)) => number.into(),
        _ => text.into(),
    }
}

/// What the profiles say of a flow that depends: `calico, antrea: deny`.
fn others(objects: &[Object], question: &Question, arguments: &FlowArguments) -> Vec<String> {
    let mut by_verdict: Vec<(Verdict, Vec<&str>)> = Vec::new();
    for profile in Profile::ALL.into_iter().filter(|one| *one != arguments.reading.profile) {
        let options = Options { profile, pod_cidrs: arguments.reading.pod_cidrs.clone() };
        let policy = compile(objects.to_vec(), options);
        let Ok(answer) = flow(&policy, question, Detail::Verdict) else { continue };
        match by_verdict.iter_mut().find(|(verdict, _)| *verdict == answer.verdict) {
            Some((_, names)) => names.push(profile.name()),
            None => by_verdict.push((answer.verdict, vec![profile.name()])),
        }
    }
    by_verdict
        .into_iter()
        .map(|(verdict, names)| format!("{}: {verdict}", names.join(", ")))
        .collect()
}

/// Answers a stream of questions, a line each, in order.
fn stream(
    queries: &Path,
    policy: &CompiledPolicy,
    no_why: bool,
    sources: &[Source],
) -> Result<Exit, Failure> {
    let mut reader: BufReader<Box<dyn std::io::Read>> = if queries == Path::new("-") {
        BufReader::with_capacity(1 << 18, Box::new(std::io::stdin().lock()))
    } else {
        let file = File::open(queries)
            .map_err(|error| Failure::Said(format!("{}: {error}", queries.display())))?;
        BufReader::with_capacity(1 << 18, Box::new(file))
    };
    let detail = if no_why { Detail::Verdict } else { Detail::Why };
    let locators = Mutex::new(Vec::new());
    let mut out = stdout();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut failed = false;
    loop {
        // As many lines as are there at once: whoever waits for an answer before asking on gets it.
        lines.clear();
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            lines.push(line);
            if !reader.buffer().contains(&b'\n') {
                break;
            }
        }
        if lines.is_empty() {
            break;
        }
        let answers: Vec<(Vec<u8>, bool)> = lines
            .par_chunks(LINES_AT_ONCE)
            .map_init(
                || Borrowed::from(&locators, sources),
                |places, lines| {
                    let mut text = Vec::new();
                    let mut failed = false;
                    for line in lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
                        failed |= !answer_line(policy, line, detail, &mut places.own, &mut text);
                    }
                    (text, failed)
                },
            )
            .collect();
        for (text, one_failed) in answers {
            out.write_all(&text)?;
            failed |= one_failed;
        }
        out.flush()?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// A locator that threads lend each other: what one found, the next need not look for.
struct Borrowed<'p, 's> {
    pool: &'p Mutex<Vec<Locator<'s>>>,
    own: Locator<'s>,
}

impl<'p, 's> Borrowed<'p, 's> {
    fn from(pool: &'p Mutex<Vec<Locator<'s>>>, sources: &'s [Source]) -> Borrowed<'p, 's> {
        let own = pool.lock().ok().and_then(|mut pool| pool.pop());
        Borrowed { pool, own: own.unwrap_or_else(|| Locator::new(sources)) }
    }
}

impl Drop for Borrowed<'_, '_> {
    fn drop(&mut self) {
        if let Ok(mut pool) = self.pool.lock() {
            pool.push(std::mem::replace(&mut self.own, Locator::new(&[])));
        }
    }
}

/// How many lines one thread answers before it looks for others.
const LINES_AT_ONCE: usize = 64;

/// Answers one line, and says whether it has an answer.
fn answer_line(
    policy: &CompiledPolicy,
    line: &[u8],
    detail: Detail,
    places: &mut Locator<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let (written, answered) = match serde_json::from_slice::<QueryJson>(line) {
        Ok(query) => {
            let answer = answer_query(policy, &query, detail, places);
            (serde_json::to_writer(&mut *out, &answer), answer.error.is_none())
        }
        Err(error) => {
            let error = serde_json::json!({ "error": format!("the query: {error}") });
            (serde_json::to_writer(&mut *out, &error), false)
        }
    };
    out.push(b'\n');
    answered && written.is_ok()
}
