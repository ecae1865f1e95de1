//! What the administrators' kinds share: selectors that may not be evaluable, and the words of a
//! custom resource's validation.

use super::Reader;
use crate::manifest::NodeId;
use crate::manifest::diagnostic::{self, Problem, Severity};
use crate::manifest::document::{LabelSelector, NamespacedPods};
use crate::manifest::path::Trail;
use crate::netset::Cidr;

/// Something that a custom resource's definition takes, and that cannot be evaluated.
#[derive(Debug)]
pub(super) struct Unevaluable;

impl<'a> Reader<'a> {
    /// The keys of an object that are known, of which exactly one must be there.
    pub(super) fn only_one(
        &mut self,
        at: NodeId,
        known: &'static [&'static str],
        path: &Trail<'_>,
    ) -> Option<(&'static str, NodeId)> {
        let there: Vec<(&'static str, NodeId)> =
            known.iter().filter_map(|key| Some((*key, self.at(Some(at), key)?))).collect();
        match there.as_slice() {
            [] => {
                self.say(diagnostic::too_few_properties(), path);
                None
            }
            [only] => Some(*only),
            several => {
                self.say(diagnostic::too_many(several.len(), 1), path);
                None
            }
        }
    }

    /// The one kind of a peer; one of a kind that is not known is refused, and its rule fails closed.
    pub(super) fn peer_kind(
        &mut self,
        at: NodeId,
        known: &'static [&'static str],
        path: &Trail<'_>,
    ) -> Option<(&'static str, NodeId)> {
        if known.iter().all(|key| self.at(Some(at), key).is_none()) {
            self.say(diagnostic::unknown_peer(), path);
            return None;
        }
        self.only_one(at, known, path)
    }

    /// A field that must be there.
    pub(super) fn needed(
        &mut self,
        of: Option<NodeId>,
        key: &str,
        path: &Trail<'_>,
    ) -> Option<NodeId> {
        let found = self.at(of, key);
        if found.is_none() {
            self.say(diagnostic::required_value(), &path.key(key));
        }
        found
    }

    /// A list with at least and at most so many items.
    pub(super) fn bounded(
        &mut self,
        of: Option<NodeId>,
        key: &str,
        least: usize,
        most: usize,
        path: &Trail<'_>,
    ) -> Vec<NodeId> {
        let items = self.list(of, key);
        if self.at(of, key).is_some() && items.len() < least {
            self.say(diagnostic::too_few_items(least), &path.key(key));
        }
        if items.len() > most {
            self.say(diagnostic::too_many(items.len(), most), &path.key(key));
        }
        items
    }

    /// A whole number within bounds.
    pub(super) fn within(
        &mut self,
        of: Option<NodeId>,
        key: &str,
        (least, most): (u16, u16),
        path: &Trail<'_>,
    ) -> Option<u16> {
        self.needed(of, key, path)?;
        let number = self.number(of, key).unwrap_or(0);
        if number < i64::from(least) {
            self.say(diagnostic::below(number, least), &path.key(key));
        } else if number > i64::from(most) {
            self.say(diagnostic::above(number, most), &path.key(key));
        }
        u16::try_from(number).ok().filter(|number| (least..=most).contains(number))
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(
        &mut self,
        of: Option<NodeId>,
        key: &str,
        words: &[(&str, T)],
        path: &Trail<'_>,
    ) -> Option<T> {
        self.needed(of, key, path)?;
        let text = self.text(of, key).unwrap_or("");
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.say(diagnostic::unsupported(text, &known), &path.key(key));
        }
        found
    }

    /// A name of at most 100 characters.
    pub(super) fn rule_name(&mut self, rule: NodeId, path: &Trail<'_>) -> String {
        let name = self.text(Some(rule), "name").unwrap_or("");
        if name.chars().count() > 100 {
            self.say(diagnostic::too_long(name, 100), &path.key("name"));
        }
        name.to_owned()
    }

    /// A selector; the definition takes any, so what is wrong with it refuses nothing.
    pub(super) fn lenient_selector(
        &mut self,
        at: NodeId,
        path: &Trail<'_>,
    ) -> Result<LabelSelector, Unevaluable> {
        let before = self.found.len();
        let selector = self.selector(at, path);
        let mut is_wrong = false;
        for (problem, ..) in self.found.iter_mut().skip(before) {
            if problem.severity == Severity::Error {
                is_wrong = true;
                let written = std::mem::replace(problem, diagnostic::unevaluable(""));
                *problem = diagnostic::unevaluable(&written.message);
            }
        }
        if is_wrong { Err(Unevaluable) } else { Ok(selector) }
    }

    /// `namespaceSelector` and `podSelector`; a missing one is `{}`.
    pub(super) fn namespaced_pods(
        &mut self,
        at: NodeId,
        path: &Trail<'_>,
    ) -> Result<NamespacedPods, Unevaluable> {
        let mut part = |key: &str| match self.at(Some(at), key) {
            Some(at) => self.lenient_selector(at, &path.key(key)),
            None => Ok(LabelSelector::default()),
        };
        let (namespaces, pods) = (part("namespaceSelector"), part("podSelector"));
        Ok(NamespacedPods { namespaces: namespaces?, pods: pods? })
    }

    /// `namespaces` or `pods` of a subject; none if there is not exactly one, or if it cannot be
    /// evaluated.
    pub(super) fn subject(
        &mut self,
        spec: Option<NodeId>,
        path: &Trail<'_>,
    ) -> Option<NamespacedPods> {
        let at = self.needed(spec, "subject", path)?;
        let path = path.key("subject");
        let (key, value) = self.only_one(at, &["namespaces", "pods"], &path)?;
        let subject = match key {
            "namespaces" => self
                .lenient_selector(value, &path.key(key))
                .map(|namespaces| NamespacedPods { namespaces, pods: LabelSelector::default() }),
            _ => self.namespaced_pods(value, &path.key(key)),
        };
        if subject.is_err() {
            // Whom the rules are for is not known: nothing can be answered by them.
            self.say(diagnostic::subject_unevaluable(), &path);
        }
        subject.ok()
    }

    /// Items of a list of texts that must differ.
    pub(super) fn distinct(&mut self, items: &[NodeId], path: &Trail<'_>) {
        let texts: Vec<&str> = items.iter().map(|item| self.string(*item)).collect();
        for (index, text) in texts.iter().enumerate() {
            if texts.iter().take(index).any(|before| before == text) {
                self.say(diagnostic::duplicate(text), &path.index(index));
            }
        }
    }

    /// A problem that depends on a text: `networks` of one version or the other.
    pub(super) fn each_network(
        &mut self,
        items: &[NodeId],
        path: &Trail<'_>,
        read: impl Fn(&str) -> Result<Cidr, Problem>,
    ) -> Result<Vec<Cidr>, Unevaluable> {
        let mut cidrs = Ok(Vec::new());
        for (index, item) in items.iter().enumerate() {
            let text = self.string(*item);
            if text.chars().count() > 43 {
                self.say(diagnostic::too_long(text, 43), &path.index(index));
            }
            match (read(text), &mut cidrs) {
                (Ok(cidr), Ok(cidrs)) => cidrs.push(cidr),
                (Ok(_), Err(_)) => {}
                (Err(problem), _) => {
                    self.say(problem, &path.index(index));
                    cidrs = Err(Unevaluable);
                }
            }
        }
        cidrs
    }
}
