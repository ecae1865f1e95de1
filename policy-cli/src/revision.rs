//! The manifests of a Git revision, by the installed `git`, without a shell.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::input::is_manifest;
use crate::output::Failure;

/// What could send `git` to another repository than that of the paths: set inside of hooks.
const REDIRECTS: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
];

/// A file of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevisionFile {
    /// Its path as the working tree's would be shown.
    pub(crate) path: String,
    /// What it held.
    pub(crate) bytes: Vec<u8>,
}

/// The manifests that paths named in a revision, in the order in which those of the working tree
/// are read: paths as given, folders by byte order. A path that the revision does not know has none.
///
/// # Errors
/// There is no `git`, a path is in no repository or in another than the first, the revision is not
/// known, or no path is there, neither in it nor in the working tree.
pub(crate) fn files(revision: &str, paths: &[PathBuf]) -> Result<Vec<RevisionFile>, Failure> {
    let said = |text: String| Failure::Said(text);
    let Some(first) = paths.first() else { return Ok(Vec::new()) };
    if let Some(stdin) = paths.iter().find(|path| path.as_path() == Path::new("-")) {
        return Err(said(format!("`{}` is in no Git revision", stdin.display())));
    }
    let folder = existing(first);
    let top = git(&folder, &["rev-parse", "--show-toplevel"])
        .map_err(|error| error.or(|| format!("{} is in no Git repository", first.display())))?;
    let top = std::fs::canonicalize(text(&top))?;
    let spec = format!("{revision}^{{commit}}");
    let commit = git(&top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])
        .map_err(|error| error.or(|| format!("the Git revision `{revision}` is not known")))?;
    let commit = text(&commit);
    let mut found: Vec<(String, String)> = Vec::new();
    for path in paths {
        let within = within(&top, path)?;
        let listed = list(&top, &commit, &within)?;
        if listed.is_empty() && !path.exists() {
            let path = path.display();
            return Err(said(format!("{path} is neither in `{revision}` nor in the working tree")));
        }
        let mut own: Vec<(PathBuf, String)> = Vec::new();
        for (name, object) in listed {
            let Ok(rest) = Path::new(&name).strip_prefix(&within) else { continue };
            // A file that is named itself is read whatever it is called.
            let is_itself = rest.as_os_str().is_empty();
            let is_hidden = rest.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
            if is_itself {
                own.push((path.clone(), object));
            } else if !is_hidden && is_manifest(rest) {
                own.push((path.join(rest), object));
            }
        }
        own.sort_by(|(a, _), (b, _)| {
            a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes())
        });
        found.extend(own.into_iter().map(|(path, object)| (path.display().to_string(), object)));
    }
    let objects: Vec<&str> = found.iter().map(|(_, object)| object.as_str()).collect();
    let contents = contents(&top, &objects)?;
    let files = found.into_iter().zip(contents);
    Ok(files.map(|((path, _), bytes)| RevisionFile { path, bytes }).collect())
}

/// Why `git` did not answer.
enum GitFailure {
    /// There is none, or it cannot be run.
    NotRun(Failure),
    /// It said no, and this on standard error.
    Refused(String),
}

impl GitFailure {
    /// What to say of a refusal; git's own words where they are about something else, such as a
    /// repository of another owner.
    fn or(self, refusal: impl FnOnce() -> String) -> Failure {
        match self {
            GitFailure::NotRun(failure) => failure,
            GitFailure::Refused(words) => {
                let own = words.lines().next().unwrap_or("").trim();
                let is_expected = own.is_empty() || own.contains("not a git repository");
                let more = if is_expected { String::new() } else { format!(" (git: {own})") };
                Failure::Said(format!("{}{more}", refusal()))
            }
        }
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    for name in REDIRECTS {
        command.env_remove(name);
    }
    command
        // No program of the repository's configuration is run.
        .args(["--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false"])
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn not_run(error: &std::io::Error) -> Failure {
    Failure::Said(if error.kind() == std::io::ErrorKind::NotFound {
        "--git needs `git`, which is not installed or not in PATH".to_owned()
    } else {
        format!("git: {error}")
    })
}

/// What `git` writes.
fn git<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Result<Vec<u8>, GitFailure> {
    let output = command(folder).args(arguments).output();
    let output = output.map_err(|error| GitFailure::NotRun(not_run(&error)))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(GitFailure::Refused(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned()
}

/// The nearest folder above a path that is there: a revision may hold what the working tree does
/// not.
fn existing(path: &Path) -> PathBuf {
    let mut folders = path.ancestors();
    let found = folders.find(|folder| folder.is_dir());
    match found {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A path from the top of the repository.
fn within(top: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let folder = existing(path);
    let whole = std::fs::canonicalize(&folder)?;
    let mut whole = whole;
    let rest =
        if folder == Path::new(".") { path } else { path.strip_prefix(&folder).unwrap_or(path) };
    for part in rest.components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(name) => whole.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let inside = whole.strip_prefix(top).map(Path::to_path_buf);
    inside.map_err(|_| {
        let (path, top) = (path.display(), top.display());
        Failure::Said(format!("{path} is outside of the Git repository {top}"))
    })
}

/// The files below a path in a commit, with the names of their contents. Links and other
/// repositories are left out.
fn list(top: &Path, commit: &str, within: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut arguments: Vec<OsString> =
        ["ls-tree", "-r", "-z", "--full-tree", commit].map(OsString::from).to_vec();
    if !within.as_os_str().is_empty() {
        arguments.push("--".into());
        arguments.push(within.into());
    }
    let listed = git(top, &arguments)
        .map_err(|error| error.or(|| format!("git cannot list {}", within.display())))?;
    let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let entries = lines.filter_map(|line| {
        let line = String::from_utf8_lossy(line);
        let (what, name) = line.split_once('\t')?;
        let mut words = what.split(' ');
        let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
        let is_file = kind == "blob" && mode != "120000";
        is_file.then(|| (name.to_owned(), object.to_owned()))
    });
    Ok(entries.collect())
}

/// What objects hold, in order.
fn contents(top: &Path, objects: &[&str]) -> Result<Vec<Vec<u8>>, Failure> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let mut child = command(top)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| not_run(&error))?;
    let failed = || Failure::Said("git cat-file broke off".to_owned());
    let mut input = child.stdin.take().ok_or_else(failed)?;
    let mut output = child.stdout.take().ok_or_else(failed)?;
    let asked: String = objects.iter().map(|object| format!("{object}\n")).collect();
    // Git answers while it is still being asked.
    let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()));
    let mut all = Vec::new();
    output.read_to_end(&mut all)?;
    let written = writer.join().unwrap_or(Ok(()));
    let ended = child.wait()?;
    if !ended.success() || written.is_err() {
        return Err(failed());
    }
    let mut rest = all.as_slice();
    let mut found = Vec::with_capacity(objects.len());
    for _ in objects {
        // OBJECT SP blob SP SIZE LF CONTENTS LF
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(failed)?;
        let head = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let size: usize =
            head.rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or_else(failed)?;
        let start = end + 1;
        let bytes = rest.get(start..start + size).ok_or_else(failed)?;
        found.push(bytes.to_vec());
        rest = rest.get(start + size + 1..).unwrap_or_default();
    }
    Ok(found)
}
