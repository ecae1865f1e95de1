//! Manifests from disk and standard input, read in parallel by documents.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use policy_core::compile::{CompiledPolicy, Options, compile};
use policy_core::manifest::document::Object;
use policy_core::manifest::{
    Diagnostic, Locator, ReadOptions, Reading, Record, Scratch, Severity, Slice, Source,
    read_slice, split,
};
use policy_report::diagnostic;
use rayon::prelude::*;

use crate::args::{Common, Reading as HowToRead};
use crate::output::{Failure, style};

/// What was read.
pub(crate) struct Input {
    /// The texts and records; the objects are taken out.
    pub(crate) reading: Reading,
    /// The objects that count.
    pub(crate) objects: Vec<Object>,
    /// Files that are no UTF-8, with why.
    pub(crate) unreadable: Vec<(String, String)>,
}

/// Reads everything that the paths name.
///
/// # Errors
/// A path cannot be read.
pub(crate) fn read(common: &Common, keep_spec: bool) -> Result<Input, Failure> {
    read_paths(&common.paths, common, keep_spec)
}

/// Reads everything that these paths name.
///
/// # Errors
/// A path cannot be read.
pub(crate) fn read_paths(
    paths: &[PathBuf],
    common: &Common,
    keep_spec: bool,
) -> Result<Input, Failure> {
    Ok(read_files(load_all(paths)?, common, keep_spec))
}

/// The files of some paths, with their bytes.
///
/// # Errors
/// A path cannot be read.
pub(crate) fn load_all(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(load(path)?);
    }
    Ok(files)
}

/// Reads files by their names and bytes.
pub(crate) fn read_files(files: Vec<(String, Vec<u8>)>, common: &Common, keep_spec: bool) -> Input {
    let progress = progress(common.quiet, "reading");
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for (name, bytes) in files {
        match String::from_utf8(bytes) {
            Ok(text) if text.len() > policy_core::limits::SOURCE_BYTES => {
                unreadable.push((name, "larger than a text may be".to_owned()));
            }
            Ok(text) => sources.push(Source { name, text }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let byte = format!("not UTF-8: the byte at {at} begins no character");
                unreadable.push((name, byte));
            }
        }
    }
    let options = ReadOptions { namespace: common.namespace.clone(), keep_spec };
    let slices: Vec<(u32, Slice)> = (0..)
        .zip(&sources)
        .flat_map(|(index, source)| split(source).into_iter().map(move |slice| (index, slice)))
        .collect();
    let records: Vec<Vec<Record>> = slices
        .par_iter()
        .map_init(Scratch::default, |scratch, (index, slice)| match sources.get(*index as usize) {
            Some(source) => read_slice(*index, source, slice, &options, scratch),
            None => Vec::new(),
        })
        .collect();
    let mut flat = Vec::with_capacity(records.iter().map(Vec::len).sum());
    flat.extend(records.into_iter().flatten());
    let mut reading = Reading { sources, records: flat };
    if common.strict {
        refuse_unknown_fields(&mut reading.records);
    }
    let objects = reading.take_objects();
    progress.finish_and_clear();
    Input { reading, objects, unreadable }
}

/// With `--strict` an unknown field is an error.
fn refuse_unknown_fields(records: &mut [Record]) {
    for record in records {
        let unknown = record.diagnostics.iter_mut().filter(|one| one.id == "unknown-field");
        let mut any = false;
        for one in unknown {
            one.severity = Severity::Error;
            any = true;
        }
        if any && record.accepted.is_some() {
            record.accepted = Some(false);
            record.object = None;
        }
    }
}

/// The files of a path, with their bytes.
fn load(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(vec![("-".to_owned(), bytes)]);
    }
    let mut files = Vec::new();
    let failed =
        |path: &Path, error: std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
    if path.is_dir() {
        walk(path, &mut files).map_err(|error| failed(path, error))?;
        files
            .sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    } else {
        files.push(path.to_path_buf());
    }
    let mut loaded = Vec::with_capacity(files.len());
    for file in files {
        let bytes = std::fs::read(&file).map_err(|error| failed(&file, error))?;
        loaded.push((file.display().to_string(), bytes));
    }
    Ok(loaded)
}

/// Manifests below a folder; links to folders are not followed, so there are no circles.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path);
            } else if is_manifest(&path) && path.is_file() {
                files.push(path);
            }
        }
    }
    Ok(())
}

/// Whether a file in a folder is a manifest, by its name.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

impl Input {
    /// Says on standard error what was left out. Fails if that is so and `--strict` was given.
    pub(crate) fn note(&self, common: &Common) -> Result<(), Failure> {
        let refused: Vec<&Record> =
            self.reading.records.iter().filter(|one| one.is_left_out()).collect();
        if !common.quiet {
            let style = style(common.color, &std::io::stderr());
            let mut places = Locator::new(&self.reading.sources);
            let all = self.reading.records.iter().flat_map(|record| &record.diagnostics);
            let mut shown = 0;
            let is_said = |one: &&Diagnostic| {
                one.severity == Severity::Error
                    || ["after-end", "key-twice", "replaced", "unknown-field"].contains(&one.id)
            };
            let said: Vec<&Diagnostic> = all.filter(is_said).collect();
            for one in said.iter().take(10) {
                eprint!("{}", diagnostic(one, &mut places, style));
                shown += 1;
            }
            if said.len() > shown {
                eprintln!("… {} more: netverdict validate", said.len() - shown);
            }
            if !refused.is_empty() {
                let names: Vec<String> = refused.iter().take(5).map(|one| title(one)).collect();
                let more = if refused.len() > 5 { ", …" } else { "" };
                eprintln!(
                    "netverdict: {} refused and left out of every answer: {}{more}",
                    refused.len(),
                    names.join(", ")
                );
            }
            let closing: Vec<String> =
                self.reading.records.iter().filter(|one| one.fails_closed()).map(title).collect();
            if !closing.is_empty() {
                eprintln!(
                    "netverdict: {} refused, and counted all the same, what is wrong in it failing \
                     closed: {}",
                    closing.len(),
                    closing.join(", ")
                );
            }
            self.note_unread(common);
        }
        let mut all = self.reading.records.iter();
        let is_refused = |one: &Record| one.accepted == Some(false) || one.is_left_out();
        let failed = all.any(is_refused) || !self.unreadable.is_empty();
        if common.strict && failed {
            return Err(Failure::Said("something was refused, and --strict was given".to_owned()));
        }
        Ok(())
    }

    /// Says on standard error which files and kinds were not read.
    pub(crate) fn note_unread(&self, common: &Common) {
        if common.quiet {
            return;
        }
        for (name, why) in &self.unreadable {
            eprintln!("netverdict: {name}: {why}; left out");
        }
        let mut unread: std::collections::BTreeMap<&str, usize> = Default::default();
        let others = self.reading.records.iter().filter(|one| one.accepted.is_none());
        for kind in others.filter_map(|one| one.kind.as_deref()) {
            *unread.entry(kind).or_default() += 1;
        }
        if !unread.is_empty() {
            let list: Vec<String> =
                unread.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            eprintln!("netverdict: not read: {}", list.join(", "));
        }
    }

    /// Compiles what was read.
    pub(crate) fn compile(&mut self, common: &Common, how: &HowToRead) -> CompiledPolicy {
        let progress = progress(common.quiet, "compiling");
        let objects = std::mem::take(&mut self.objects);
        let options = Options { profile: how.profile, pod_cidrs: how.pod_cidrs.clone() };
        let policy = compile(objects, options);
        progress.finish_and_clear();
        policy
    }
}

/// `NetworkPolicy payments/deny-all`, as far as it is known.
pub(crate) fn title(record: &Record) -> String {
    let kind = record.kind.as_deref().unwrap_or("(no kind)");
    match (&record.namespace, &record.name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (_, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    }
}

/// A spinner on standard error, on a terminal only, that appears after a second.
pub(crate) fn progress(quiet: bool, what: &'static str) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    if let Ok(template) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(template);
    }
    bar.set_message(what);
    let late = bar.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        if !late.is_finished() {
            late.set_draw_target(ProgressDrawTarget::stderr());
            late.enable_steady_tick(Duration::from_millis(120));
        }
    });
    bar
}
