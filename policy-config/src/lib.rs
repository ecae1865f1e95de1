//! `netverdict.toml`: what a team keeps beside its manifests. Text to values, without I/O.
//!
//! ```
//! let text = r#"
//! paths = ["manifests", "rules"]            # what is read where no PATH is given, from this file's folder
//! exclude = ["manifests/vendor", "**/*.tmpl.yaml"]
//! profile = "calico"
//! pod-cidr = ["10.244.0.0/16"]
//! namespace = "default"
//! fail-on = "warning"                        # error, warning, info or never
//!
//! [levels]                                   # off, info, warning or error
//! unknown-field = "error"
//! metadata-address-closed = "off"
//! "#;
//! let config = policy_config::parse(text).unwrap();
//! assert_eq!(config.paths, ["manifests", "rules"]);
//! assert!(config.exclude.covers("manifests/vendor/crds.yaml"));
//! assert_eq!(config.profile.unwrap().name(), "calico");
//!
//! let mistakes = policy_config::parse("profil = \"calico\"\n").unwrap_err();
//! assert_eq!(mistakes[0].to_string(), "1:1: unknown key `profil`: did you mean `profile`?");
//! ```

mod exclude;
mod mistake;
mod walk;

use policy_core::check::{FindingSeverity, Levels};
use policy_core::netset::Cidr;
use policy_core::profile::Profile;

pub use exclude::{Exclude, Pattern};
pub use mistake::Mistake;

/// The name of the file.
pub const FILE_NAME: &str = "netverdict.toml";

/// How long a file may be, in bytes.
pub const FILE_BYTES: usize = 1 << 20;

/// What the file says; what it leaves out is up to who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `paths`: what is read where no path is given, from the folder of the file.
    pub paths: Vec<String>,
    /// `exclude`: what is not read below the folder of the file.
    pub exclude: Exclude,
    /// `profile`: who enforces.
    pub profile: Option<Profile>,
    /// `pod-cidr`: the addresses of pods, where the manifests do not hold them.
    pub pod_cidrs: Vec<Cidr>,
    /// `namespace`: of objects that name none.
    pub namespace: Option<String>,
    /// `fail-on`: how bad a finding must be to fail.
    pub fail_on: Option<FailOn>,
    /// `[levels]`: what the team makes of findings, by id.
    pub levels: Levels,
}

/// How bad a finding must be to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// At least so bad.
    At(FindingSeverity),
    /// None fails.
    Never,
}

impl FailOn {
    /// The words: `error`, `warning`, `info`, `never`.
    pub const WORDS: [&str; 4] = ["error", "warning", "info", "never"];

    /// Reads one of the words.
    pub fn parse(word: &str) -> Option<FailOn> {
        if word == "never" {
            return Some(FailOn::Never);
        }
        FindingSeverity::ALL.into_iter().find(|own| own.name() == word).map(FailOn::At)
    }
}

/// Reads the text of a file.
///
/// # Errors
/// Every mistake in it, in the order of their places; what is right beside them is not used.
pub fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    if text.len() > FILE_BYTES {
        let message = format!("larger than {FILE_BYTES} bytes");
        return Err(vec![Mistake::new(text, 0..0, message, None)]);
    }
    let table = match toml::de::DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().replace('\n', " ");
            return Err(vec![Mistake::new(text, span, message, None)]);
        }
    };
    let mut walk = walk::Walk { text, mistakes: Vec::new() };
    let config = walk.config(table.get_ref());
    if walk.mistakes.is_empty() {
        return Ok(config);
    }
    walk.mistakes.sort_by_key(|mistake| mistake.span.start);
    Err(walk.mistakes)
}
