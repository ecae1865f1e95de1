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

/// A path on the way down, which is made into a [`FieldPath`] only where something is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail<'p> {
    above: Option<&'p Trail<'p>>,
    step: Option<Crumb<'p>>,
}

#[derive(Clone, Copy, Debug)]
enum Crumb<'p> {
    Key(&'p str),
    Index(usize),
}

impl<'p> Trail<'p> {
    /// The object itself.
    pub(super) fn root() -> Trail<'p> {
        Trail { above: None, step: None }
    }

    /// A field below.
    pub(super) fn key<'q>(&'q self, key: &'q str) -> Trail<'q> {
        Trail { above: Some(self), step: Some(Crumb::Key(key)) }
    }

    /// An item below.
    pub(super) fn index(&self, index: usize) -> Trail<'_> {
        Trail { above: Some(self), step: Some(Crumb::Index(index)) }
    }

    /// The path.
    pub(super) fn path(&self) -> FieldPath {
        let above = self.above.map_or_else(FieldPath::root, Trail::path);
        match self.step {
            None => above,
            Some(Crumb::Key(key)) => above.key(key),
            Some(Crumb::Index(index)) => above.index(index),
        }
    }
}
