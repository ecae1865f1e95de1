//! `netverdict.toml`: found from the working directory up to the top of the repository.

use std::path::{Component, Path, PathBuf};

use policy_config::{Config, FILE_NAME};
use policy_report::{Root, mistake};

use crate::output::Failure;

/// What was found, and where names in it start from.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What the file says; nothing if there is none.
    pub(crate) config: Config,
    /// The folder of the file, as it is reached from the working directory; empty if it is that.
    pub(crate) folder: PathBuf,
}

/// Which file to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// The nearest, if there is one.
    Nearest,
    /// This one.
    This(&'a Path),
    /// None.
    None,
}

/// Finds and reads the file.
///
/// # Errors
/// It cannot be read, or something in it is wrong: said with its lines.
pub(crate) fn find(which: Which<'_>) -> Result<Found, Failure> {
    let path = match which {
        Which::None => return Ok(Found::default()),
        Which::This(path) => path.to_path_buf(),
        Which::Nearest => match nearest(&std::env::current_dir()?) {
            Some(path) => path,
            None => return Ok(Found::default()),
        },
    };
    let name = path.display().to_string();
    let text = std::fs::read(&path).map_err(|error| Failure::Said(format!("{name}: {error}")))?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::Said(format!("{name}: the file is no UTF-8")))?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    match policy_config::parse(&text) {
        Ok(config) => Ok(Found { config, folder }),
        Err(mistakes) => {
            let shown = mistakes.iter().map(|one| {
                let help = one.help.as_deref();
                let style = policy_report::Style::Plain;
                mistake(&name, &text, one.span.clone(), &one.message, help, style)
            });
            let shown: String = shown.collect();
            Err(Failure::Said(format!("{name} cannot be used\n{}", shown.trim_end())))
        }
    }
}

/// The file in a folder or one above it, up to the top of the repository, as reached from it.
fn nearest(folder: &Path) -> Option<PathBuf> {
    let mut up = PathBuf::new();
    for folder in folder.ancestors() {
        if folder.join(FILE_NAME).is_file() {
            return Some(up.join(FILE_NAME));
        }
        if folder.join(".git").exists() {
            return None;
        }
        up.push("..");
    }
    None
}

impl Found {
    /// The paths that the file names, as they are reached from the working directory.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let join = |path: &String| self.folder.join(path).components().collect();
        self.config.paths.iter().map(join).collect()
    }

    /// Whether the file leaves out another, by its name.
    pub(crate) fn excludes(&self, name: &str) -> bool {
        let Ok(here) = std::env::current_dir() else { return false };
        let folder = plain(&here.join(&self.folder));
        let file = plain(&here.join(name));
        let below = file.strip_prefix(&folder).ok().and_then(Path::to_str);
        below.is_some_and(|below| {
            self.config.exclude.covers(&below.replace(std::path::MAIN_SEPARATOR, "/"))
        })
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

/// The working directory, and the top of the repository that it is in.
///
/// # Errors
/// There is no working directory.
pub(crate) fn root() -> Result<Root, Failure> {
    let here = std::env::current_dir()?;
    let top = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
    let text = |path: &Path| path.to_string_lossy().replace('\\', "/");
    Ok(Root { folder: text(&here), top: text(top) })
}
