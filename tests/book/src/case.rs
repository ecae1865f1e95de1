//! Every case there is: those of the book, and the folders beside it.

use std::path::{Path, PathBuf};

use super::{Directives, Flow, chapter, parse};

/// Manifests, and what must be said of flows between what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// `semantics/rules.md: An empty rule list isolates`, or the folder below `tests/cases`.
    pub name: String,
    /// The manifests, as one text.
    pub manifests: String,
    /// How they are to be read.
    pub directives: Directives,
    /// The flows.
    pub flows: Vec<Flow>,
    /// What a check must find, a line each, if the case is about that.
    pub findings: Option<Vec<String>>,
    /// The clauses that the case is about: those in its title, else in its chapter's.
    pub clauses: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The cases of the book.
///
/// # Errors
/// A chapter cannot be read.
pub fn book() -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for path in files(&root().join("docs/semantics"))? {
        let is_index = path.ends_with("README.md");
        if !is_index && path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.extend(chapter::cases(&name, &text(&path)?)?);
        }
    }
    Ok(cases)
}

/// The cases beside the book: `tests/cases/**/flows.txt` with `manifests.yaml`.
///
/// # Errors
/// A case cannot be read.
pub fn beside() -> Result<Vec<Case>, String> {
    let top = root().join("tests/cases");
    let mut cases = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        let flows = folder.join("flows.txt");
        if flows.is_file() {
            let name = folder.strip_prefix(&top).unwrap_or(&folder).to_string_lossy().into_owned();
            let (directives, flows) =
                parse(&text(&flows)?).map_err(|error| format!("{name}: {error}"))?;
            let manifests = text(&folder.join("manifests.yaml"))?;
            cases.push(Case {
                name,
                manifests,
                directives,
                flows,
                findings: None,
                clauses: Vec::new(),
            });
        }
        folders.extend(files(&folder)?.into_iter().filter(|path| path.is_dir()));
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// Every case.
///
/// # Errors
/// One of them cannot be read.
pub fn all() -> Result<Vec<Case>, String> {
    let mut cases = book()?;
    cases.extend(beside()?);
    Ok(cases)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
