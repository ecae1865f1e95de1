//! Paths to fields, as the API server writes them.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A field, or a key of a map.
    Key(String),
    /// An item of a list, from 0.
    Index(u32),
}

/// A path from the top of an object to a field.
///
/// ```
/// use policy_core::manifest::FieldPath;
///
/// let path = FieldPath::root().key("spec").key("ingress").index(0).key("from");
/// assert_eq!(path.to_string(), "spec.ingress[0].from");
/// assert_eq!(FieldPath::root().key("metadata").key("a.b/c").to_string(), "metadata[a.b/c]");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The object itself.
    pub fn root() -> FieldPath {
        FieldPath(Vec::new())
    }

    /// A field below.
    #[must_use]
    pub fn key(&self, key: &str) -> FieldPath {
        self.with(Step::Key(key.to_owned()))
    }

    /// An item below.
    #[must_use]
    pub fn index(&self, index: usize) -> FieldPath {
        self.with(Step::Index(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    fn with(&self, step: Step) -> FieldPath {
        FieldPath(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
                    match (at, !key.is_empty() && key.bytes().all(plain)) {
                        (0, true) => f.write_str(key)?,
                        (_, true) => write!(f, ".{key}")?,
                        (_, false) => write!(f, "[{key}]")?,
                    }
                }
            }
        }
        Ok(())
    }
}
