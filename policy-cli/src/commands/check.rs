//! `netverdict check`: everything that is wrong, or what a change brings in.

use std::io::Write;
use std::path::PathBuf;

use policy_config::FailOn;
use policy_core::check::{Report, RuleEntry, World, check, take_rules};
use policy_core::compile::CompiledPolicy;
use policy_core::manifest::Locator;
use policy_core::profile::Profile;
use policy_core::{say, wire};
use policy_report::{CheckView, check_github, check_markdown, check_sarif, check_text};

use crate::Exit;
use crate::args::{CheckArguments, CheckFormat, Common, Reading};
use crate::config::{self, Found, Which};
use crate::input::{self, Input};
use crate::output::{Failure, print, style};
use crate::revision;

/// One side: what was read, its rules, and the rest compiled.
struct Side {
    input: Input,
    rules: Vec<RuleEntry>,
    policy: CompiledPolicy,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let which = match &arguments.config {
        _ if arguments.no_config => Which::None,
        Some(path) => Which::This(path),
        None => Which::Nearest,
    };
    let found = config::find(which)?;
    let (common, reading) = settings(arguments, &found);
    if common.paths.is_empty() {
        return Err(Failure::Said(
            "nothing to check: name a PATH, or `paths` in netverdict.toml".to_owned(),
        ));
    }
    let files = input::load_all(&common.paths)?;
    let base = match (&arguments.git, arguments.base.as_slice()) {
        (Some(reference), _) => {
            let files = revision::files(reference, &common.paths)?.into_iter();
            Some(files.map(|file| (file.path, file.bytes)).collect())
        }
        (None, []) => None,
        (None, paths) => Some(input::load_all(paths)?),
    };
    let side = |files| side(files, &found, &common, &reading);
    let (now, before) = rayon::join(|| side(files), || base.map(side));
    let report = check(world(&now), before.as_ref().map(world), &found.config.levels);
    write(arguments, &found, &now, &report)?;
    now.input.note_unread(&common);
    let unread_before = before.map(|side| side.input.unreadable).unwrap_or_default();
    for (name, why) in &unread_before {
        eprintln!("netverdict: {name} of the side before: {why}");
    }
    // What is introduced cannot be told where a side is not known.
    if !now.input.unreadable.is_empty() || !unread_before.is_empty() {
        return Ok(Exit::Failed);
    }
    let fail_on = arguments.fail_on.or(found.config.fail_on);
    let fails = match fail_on.unwrap_or(FailOn::At(policy_core::check::FindingSeverity::Error)) {
        FailOn::At(severity) => report.has(severity),
        FailOn::Never => false,
    };
    Ok(if fails { Exit::No } else { Exit::Done })
}

fn world(side: &Side) -> World<'_> {
    World { records: &side.input.reading.records, rules: &side.rules, policy: &side.policy }
}

/// What the command line says, and what the file says where that says nothing.
fn settings(arguments: &CheckArguments, found: &Found) -> (Common, Reading) {
    let config = &found.config;
    let paths: Vec<PathBuf> = match arguments.paths.as_slice() {
        [] => found.paths(),
        paths => paths.to_vec(),
    };
    let namespace = arguments.namespace.clone().or_else(|| config.namespace.clone());
    let common = Common {
        paths,
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        strict: arguments.strict,
        quiet: arguments.quiet,
        color: arguments.color,
    };
    let pod_cidrs = match arguments.pod_cidrs.as_slice() {
        [] => config.pod_cidrs.clone(),
        own => own.to_vec(),
    };
    let profile = arguments.profile.or(config.profile).unwrap_or(Profile::Spec);
    (common, Reading { profile, pod_cidrs })
}

fn side(
    mut files: Vec<(String, Vec<u8>)>,
    found: &Found,
    common: &Common,
    reading: &Reading,
) -> Side {
    files.retain(|(name, _)| !found.excludes(name));
    let mut input = input::read_files(files, common, false);
    let rules = take_rules(&mut input.objects);
    let policy = input.compile(common, reading);
    Side { input, rules, policy }
}

fn write(
    arguments: &CheckArguments,
    found: &Found,
    now: &Side,
    report: &Report,
) -> Result<(), Failure> {
    let mut places = Locator::new(&now.input.reading.sources);
    let text = match arguments.output {
        CheckFormat::Text => {
            let style = style(arguments.color, &std::io::stdout());
            let view = CheckView { findings: arguments.findings, blocks: arguments.blocks };
            check_text(report, &mut places, view, style)
        }
        CheckFormat::Json => {
            let document = wire::check(report, now.policy.cluster(), &mut places);
            format!("{}\n", serde_json::to_string_pretty(&document)?)
        }
        CheckFormat::Sarif => {
            let levels = &found.config.levels;
            check_sarif(report, &now.rules, levels, &mut places, &config::root()?)?
        }
        CheckFormat::Github => {
            step_summary(&check_markdown(report, &mut places))?;
            check_github(report, &mut places, &config::root()?)
        }
        CheckFormat::Markdown => check_markdown(report, &mut places),
    };
    print(&text)?;
    // What machines read has no last line for people.
    let is_for_people = matches!(arguments.output, CheckFormat::Text | CheckFormat::Github);
    if !is_for_people && !arguments.quiet {
        eprintln!("netverdict: {}", say::summary(report));
    }
    Ok(())
}

/// Adds to the summary of the step, where a runner has a file for it.
fn step_summary(text: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = PathBuf::from(path);
    let failed = |error: std::io::Error| {
        Failure::Said(format!("the step summary {}: {error}", path.display()))
    };
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
