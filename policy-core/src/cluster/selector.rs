//! Label selectors: requirements that must all hold (C7).

use std::fmt;

use crate::manifest::document::{LabelSelector, Operator};

/// A conjunction of requirements; the empty one matches everything.
///
/// The requirements are sorted and each stands once, so that selectors that say the same in the
/// same words are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// A condition on the value under one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What must hold of its value.
    pub condition: Condition,
}

/// What must hold of the value under a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// It is there, and one of these (sorted).
    In(Vec<String>),
    /// It is missing, or none of these (sorted).
    NotIn(Vec<String>),
    /// It is there.
    Exists,
    /// It is missing.
    DoesNotExist,
}

impl Selector {
    /// The selector that an object writes.
    pub fn new(written: &LabelSelector) -> Selector {
        let labels = written.match_labels.iter().map(|(key, value)| Requirement {
            key: key.to_owned(),
            condition: Condition::In(vec![value.to_owned()]),
        });
        let expressions = written.match_expressions.iter().map(|expression| {
            let mut values = expression.values.clone();
            values.sort();
            values.dedup();
            let condition = match expression.operator {
                Operator::In => Condition::In(values),
                Operator::NotIn => Condition::NotIn(values),
                Operator::Exists => Condition::Exists,
                Operator::DoesNotExist => Condition::DoesNotExist,
            };
            Requirement { key: expression.key.clone(), condition }
        });
        let mut requirements: Vec<Requirement> = labels.chain(expressions).collect();
        requirements.sort();
        requirements.dedup();
        Selector { requirements }
    }

    /// What must hold, by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether it matches everything because it requires nothing.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether labels, asked by key, meet every requirement.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(value_of(&requirement.key)))
    }
}

impl Requirement {
    /// Whether it holds of the value under its key.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let among = |values: &[String]| {
            value.is_some_and(|value| values.binary_search_by(|v| v.as_str().cmp(value)).is_ok())
        };
        match &self.condition {
            Condition::In(values) => among(values),
            Condition::NotIn(values) => !among(values),
            Condition::Exists => value.is_some(),
            Condition::DoesNotExist => value.is_none(),
        }
    }
}

impl fmt::Display for Requirement {
    /// As `kubectl get --selector` takes it: `role=api-client`, `env in (dev,test)`, `!debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.condition {
            Condition::In(values) => match values.as_slice() {
                [only] => write!(f, "{key}={only}"),
                _ => write!(f, "{key} in ({})", values.join(",")),
            },
            Condition::NotIn(values) => match values.as_slice() {
                [only] => write!(f, "{key}!={only}"),
                _ => write!(f, "{key} notin ({})", values.join(",")),
            },
            Condition::Exists => f.write_str(key),
            Condition::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

impl fmt::Display for Selector {
    /// Requirements by comma; `{}` for the empty selector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}
