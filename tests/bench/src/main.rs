//! What the engine takes, on generated clusters: times, throughput, memory, and how they grow.
//!
//! `cargo xtask bench` prints a row a size, then rows with policies of administrators over the
//! largest; `cargo xtask bench PODS POLICIES [ADMIN]` one row; `cargo xtask bench write PODS POLICIES
//! [ADMIN] yaml|json` writes a cluster to standard output instead, for the command line and other
//! tools.

#![allow(clippy::print_stdout, reason = "it is a command line")]

mod admin;
mod generator;
mod random;
mod rules;

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use generator::{Size, as_list, as_yaml, objects};
use policy_core::cluster::EndpointId;
use policy_core::compile::{Change, CompiledPolicy, Options, compile};
use policy_core::manifest::document::{Kind, Object};
use policy_core::manifest::{ReadOptions, Reading, Source, read};
use policy_core::netset::Protocol;
use policy_core::profile::Profile;
use policy_core::query::{Detail, Filter, isolation, matrix, verdict};
use policy_core::wire::{self, QueryJson, answer_query};
use random::Random;

const SEED: u64 = 20_261_124;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str, other: usize| text.parse().unwrap_or(other);
    let size = |pods: &str, policies: &str, admin: &str| Size {
        admin: number(admin, 0),
        ..Size::new(number(pods, 1_000), number(policies, 100))
    };
    let write = |size: Size, format: &str| {
        let all = objects(size, SEED);
        let text = if format == "yaml" { as_yaml(&all) } else { as_list(&all) };
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    };
    match words.as_slice() {
        ["write", pods, policies, format] => write(size(pods, policies, "0"), format),
        ["write", pods, policies, admin, format] => write(size(pods, policies, admin), format),
        ["unlike", pods, policies] => {
            row(Size { all_unlike: true, ..size(pods, policies, "0") }, None);
        }
        ["admin"] => {
            let mut before = None;
            for admin in [0, 50, 500] {
                before = Some(row(Size { admin, ..Size::new(100_000, 10_000) }, before));
            }
        }
        [pods, policies] => {
            row(size(pods, policies, "0"), None);
        }
        [pods, policies, admin] => {
            row(size(pods, policies, admin), None);
        }
        _ => {
            let mut before = None;
            for (pods, policies) in [(1_000, 100), (10_000, 1_000), (100_000, 10_000)] {
                before = Some(row(Size::new(pods, policies), before));
            }
            for admin in [50, 500] {
                before = Some(row(Size { admin, ..Size::new(100_000, 10_000) }, before));
            }
            println!("\nevery pod a class of its own");
            row(Size { all_unlike: true, ..Size::new(100_000, 10_000) }, None);
        }
    }
}

/// What was measured at one size, in the order in which it is printed.
type Figures = Vec<(&'static str, f64)>;

fn row(size: Size, before: Option<Figures>) -> Figures {
    let admin = match size.admin {
        0 => String::new(),
        count => format!(", {count} of administrators"),
    };
    println!(
        "\n{} pods, {} policies{admin}, {} namespaces",
        size.pods, size.policies, size.namespaces
    );
    let mut figures: Figures = Vec::new();
    let mut say = |name: &'static str, value: f64, unit: &str| {
        let growth = before.as_ref().and_then(|before| before.iter().find(|(own, _)| *own == name));
        let growth = match growth {
            Some((_, old)) if *old > 0.0 => format!("   x{:.1}", value / old),
            _ => String::new(),
        };
        println!("  {name:<44} {value:>12.2} {unit}{growth}");
        figures.push((name, value));
    };
    let texts = objects(size, SEED);
    let json = as_list(&texts);
    let bytes = megabytes(&json);
    let ((objects, reading), took) = timed(|| read_text(json));
    say("read json", bytes / took.as_secs_f64(), "MB/s");
    drop(reading);
    let few: Vec<String> = texts.iter().take(20_000).cloned().collect();
    let yaml = as_yaml(&few);
    let bytes = megabytes(&yaml);
    let (others, took) = timed(|| read_text(yaml));
    say("read yaml", bytes / took.as_secs_f64(), "MB/s");
    drop(others);
    let of = |wanted: fn(Kind) -> bool| -> Vec<Object> {
        objects.iter().filter(|one| wanted(one.key.kind)).cloned().collect()
    };
    let policies = of(|kind| kind == Kind::NetworkPolicy);
    let admin = of(|kind| kind == Kind::ClusterNetworkPolicy);
    let options = Options { profile: Profile::Spec, pod_cidrs: Vec::new() };
    let (mut policy, compiling) = timed(|| compile(objects, options));
    say("compile", millis(compiling), "ms");
    let mut sink = std::io::BufWriter::new(std::io::sink());
    let (counts, writing) = timed(|| {
        matrix(&policy, &Filter::default(), |block| {
            let _ = wire::write_block(&mut sink, block);
        })
    });
    say("matrix, written as blocks", millis(writing), "ms");
    say("compile and matrix", millis(compiling + writing), "ms");
    say("classes", counts.classes as f64, "");
    say("blocks", counts.blocks as f64, "");
    say("class pairs", counts.class_pairs as f64, "");
    let connected = counts.class_pairs as f64 / (counts.classes as f64).powi(2) * 100.0;
    say("class pairs that connect", connected, "%");
    let (found, took) = timed(|| isolation(&policy));
    black_box(found.endpoints.len());
    say("isolation", millis(took), "ms");
    rules::rules(&policy, &mut say);
    flows(&policy, &mut say);
    changes(&mut policy, &policies, &admin, &mut say);
    say("peak memory", peak_memory(), "MiB");
    figures
}

/// The objects of a text, and the rest of what was read.
fn read_text(text: String) -> (Vec<Object>, Reading) {
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let mut reading = read(vec![Source { name: "bench".into(), text }], &options);
    (reading.take_objects(), reading)
}

fn flows(policy: &CompiledPolicy, say: &mut impl FnMut(&'static str, f64, &str)) {
    let ids: Vec<EndpointId> = policy.cluster().endpoints().map(|(id, _)| id).collect();
    let mut random = Random::new(SEED);
    let mut pick = || ids.get(random.below(ids.len())).copied().unwrap_or(EndpointId(0));
    let pairs: Vec<(EndpointId, EndpointId)> = (0..200_000).map(|_| (pick(), pick())).collect();
    let mut counts = [0_u32; 4];
    let ((), took) = timed(|| {
        for (from, to) in &pairs {
            let found = verdict(policy, *from, *to, Protocol::Tcp, 8005);
            if let Some(count) = found.and_then(|found| counts.get_mut(found as usize)) {
                *count += 1;
            }
        }
    });
    say("flow, ids resolved", took.as_nanos() as f64 / pairs.len() as f64, "ns");
    let [_, _, depends, _] = counts;
    say("flows that depend", f64::from(depends) / pairs.len() as f64 * 100.0, "%");
    let queries: Vec<String> = pairs
        .iter()
        .take(100_000)
        .map(|(from, to)| {
            let (from, to) = (policy.cluster().display(*from), policy.cluster().display(*to));
            format!(r#"{{"from":"{from}","to":"{to}","port":8005,"protocol":"TCP"}}"#)
        })
        .collect();
    let sources = Vec::new();
    let mut places = policy_core::manifest::Locator::new(&sources);
    let mut out = Vec::new();
    let ((), took) = timed(|| {
        for line in &queries {
            if let Ok(query) = serde_json::from_str::<QueryJson>(line) {
                let answer = answer_query(policy, &query, Detail::Verdict, &mut places);
                out.clear();
                let _ = serde_json::to_writer(&mut out, &answer);
                black_box(&out);
            }
        }
    });
    say("flow, as lines without why", queries.len() as f64 / took.as_secs_f64() / 1e3, "k lines/s");
}

fn changes(
    policy: &mut CompiledPolicy,
    policies: &[Object],
    admin: &[Object],
    say: &mut impl FnMut(&'static str, f64, &str),
) {
    let mut random = Random::new(SEED + 1);
    let [median, p99] = exchanged(policy, policies, &mut random);
    say("a policy changed, median", millis(median), "ms");
    say("a policy changed, p99 of 400", millis(p99), "ms");
    if !admin.is_empty() {
        let [median, p99] = exchanged(policy, admin, &mut random);
        say("a ClusterNetworkPolicy changed, median", millis(median), "ms");
        say("a ClusterNetworkPolicy changed, p99 of 400", millis(p99), "ms");
    }
    let mut put = |name: &'static str, text: &str| {
        let mut objects = read_text(text.to_owned()).0;
        if let Some(object) = objects.pop() {
            let ((), took) = timed(|| policy.change(Change::Put(Box::new(object))));
            say(name, millis(took), "ms");
        }
    };
    let wrap = |kind: &str, rest: &str| format!("{{\"apiVersion\":\"{kind},{rest}}}");
    let netpol = |name: &str, namespace: &str, spec: &str| {
        wrap(
            "networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\"",
            &format!(
                r#""metadata":{{"name":"{name}","namespace":"{namespace}"}},"spec":{{{spec}}}"#
            ),
        )
    };
    put(
        "deny-all of the largest namespace",
        &netpol("all", "ns-0", r#""podSelector":{},"policyTypes":["Ingress","Egress"]"#),
    );
    put(
        "a new label key",
        &netpol(
            "key",
            "ns-1",
            r#""podSelector":{},"ingress":[{"from":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"version":"v1"}}}]}]"#,
        ),
    );
    put(
        "a new CIDR boundary",
        &netpol(
            "cidr",
            "ns-1",
            r#""podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.64.0/18"}}]}]"#,
        ),
    );
    put(
        "a namespace relabelled",
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ns-1","labels":{"team":"team-3","env":"dev"}}}"#,
    );
    put(
        "a pod like others",
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new","namespace":"ns-2","labels":{"app":"app-1","tier":"web"}},"status":{"podIPs":[{"ip":"10.200.0.1"}]}}"#,
    );
    put(
        "a pod unlike others",
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new2","namespace":"ns-2","labels":{"app":"unheard-of"}},"status":{"podIPs":[{"ip":"10.200.0.2"}]}}"#,
    );
}

/// The median and the 99th of a hundred of what it takes to give one policy the rules of another,
/// and to give it back its own.
fn exchanged(
    policy: &mut CompiledPolicy,
    policies: &[Object],
    random: &mut Random,
) -> [Duration; 2] {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let one = policies.get(random.below(policies.len()));
        let other = policies.get(random.below(policies.len()));
        let (Some(one), Some(other)) = (one, other) else { continue };
        let mut changed = one.clone();
        changed.body.clone_from(&other.body);
        for object in [changed, one.clone()] {
            let ((), took) = timed(|| policy.change(Change::Put(Box::new(object))));
            times.push(took);
        }
    }
    times.sort();
    [2, 100].map(|part| {
        let at = times.len() * (part - 1) / part;
        times.get(at).copied().unwrap_or_default()
    })
}

/// How long work takes: by the clock, or by what this thread ran where that is less by far, for
/// others were at work on the machine.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (start, ran) = (Instant::now(), ran());
    let done = work();
    let took = start.elapsed();
    // What the system says of a thread may be some ticks old.
    let slack = Duration::from_millis(10);
    match (ran, self::ran()) {
        (Some(before), Some(after)) if after - before + slack < took => {
            (done, after - before + slack / 2)
        }
        _ => (done, took),
    }
}

/// How long this thread has run, where the system says so.
fn ran() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(text: &str) -> f64 {
    text.len() as f64 / 1e6
}

/// The most memory that this process ever held, where the system says so.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
