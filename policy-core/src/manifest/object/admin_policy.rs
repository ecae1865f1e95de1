//! What the administrators' kinds share: selectors that may not be evaluable, and the words of a
//! custom resource's validation.

use super::Reader;
use crate::manifest::diagnostic::{self, Severity};
use crate::manifest::document::{AdminPeer, LabelSelector, NamespacedPods};
use crate::manifest::path::Trail;
use crate::manifest::{FieldPath, NodeId, locate};
use crate::netset::{Cidr, LegacySpelling, parse_cidr};

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

    /// A peer of one of some kinds, with the selectors that `pods` must have; a list in it has at most
    /// so many items.
    pub(super) fn admin_peer(
        &mut self,
        at: NodeId,
        kinds: &'static [&'static str],
        required: &[&str],
        most: usize,
        path: &Trail<'_>,
    ) -> Result<AdminPeer, Unevaluable> {
        let Some((kind, value)) = self.peer_kind(at, kinds, path) else { return Err(Unevaluable) };
        let own = path.key(kind);
        match kind {
            "namespaces" => {
                let namespaces = self.lenient_selector(value, &own)?;
                Ok(AdminPeer::Pods(NamespacedPods { namespaces, ..NamespacedPods::default() }))
            }
            "pods" => self.namespaced_pods(value, required, &own).map(AdminPeer::Pods),
            "nodes" => self.lenient_selector(value, &own).map(AdminPeer::Nodes),
            "networks" => {
                let items = self.bounded(Some(at), kind, 1, most, path);
                Ok(AdminPeer::Networks(self.networks(&items, &own)))
            }
            _ => {
                let items = self.bounded(Some(at), kind, 1, most, path);
                Ok(AdminPeer::DomainNames(self.domain_names(&items, &own)))
            }
        }
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
        let missing = self.missing_of_selector(at, path);
        let said = self.found.split_off(before);
        self.found.extend(said.into_iter().filter(|(_, path, _)| !missing.contains(path)));
        for (problem, ..) in self.found.iter_mut().skip(before) {
            if problem.severity == Severity::Error {
                is_wrong = true;
                let written = std::mem::replace(problem, diagnostic::unevaluable(""));
                *problem = diagnostic::unevaluable(&written.message);
            }
        }
        for path in missing {
            let (span, _) = locate::span_of(self.tree, self.top, &path);
            self.found.push((diagnostic::required_value(), path, span));
        }
        if is_wrong { Err(Unevaluable) } else { Ok(selector) }
    }

    /// Of an expression of a selector the definition wants a key and an operator, whatever they are.
    fn missing_of_selector(&self, at: NodeId, path: &Trail<'_>) -> Vec<FieldPath> {
        let mut missing = Vec::new();
        for (index, one) in self.list(Some(at), "matchExpressions").into_iter().enumerate() {
            for key in ["key", "operator"] {
                if self.at(Some(one), key).is_none() {
                    missing.push(path.path().key("matchExpressions").index(index).key(key));
                }
            }
        }
        missing
    }

    /// `namespaceSelector` and `podSelector`, of which the definition requires some; in answers a
    /// missing one is `{}`.
    pub(super) fn namespaced_pods(
        &mut self,
        at: NodeId,
        required: &[&str],
        path: &Trail<'_>,
    ) -> Result<NamespacedPods, Unevaluable> {
        let mut part = |key: &str| match self.at(Some(at), key) {
            Some(at) => self.lenient_selector(at, &path.key(key)),
            None => {
                if required.contains(&key) {
                    self.say(diagnostic::selector_missing(), &path.key(key));
                }
                Ok(LabelSelector::default())
            }
        };
        let (namespaces, pods) = (part("namespaceSelector"), part("podSelector"));
        Ok(NamespacedPods { namespaces: namespaces?, pods: pods? })
    }

    /// `namespaces` or `pods` of a subject; none if there is not exactly one, or if it cannot be
    /// evaluated.
    pub(super) fn subject(
        &mut self,
        spec: Option<NodeId>,
        required: &[&str],
        path: &Trail<'_>,
    ) -> Option<NamespacedPods> {
        let at = self.needed(spec, "subject", path)?;
        let path = path.key("subject");
        let (key, value) = self.only_one(at, &["namespaces", "pods"], &path)?;
        let subject = match key {
            "namespaces" => self
                .lenient_selector(value, &path.key(key))
                .map(|namespaces| NamespacedPods { namespaces, pods: LabelSelector::default() }),
            _ => self.namespaced_pods(value, required, &path.key(key)),
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

    /// `networks`: blocks as the definitions' `isCIDR` takes them, host bits and all.
    pub(super) fn networks(&mut self, items: &[NodeId], path: &Trail<'_>) -> Vec<Cidr> {
        let mut cidrs = Vec::new();
        self.distinct(items, path);
        for (index, item) in items.iter().enumerate() {
            let text = self.string(*item);
            if text.chars().count() > 43 {
                self.say(diagnostic::too_long(text, 43), &path.index(index));
            }
            let is_strict = |one: &LegacySpelling| *one == LegacySpelling::HostBits;
            match parse_cidr(text) {
                Ok(parsed) if parsed.spelling.iter().all(is_strict) => cidrs.push(parsed.cidr),
                Ok(_) | Err(_) => {
                    let problem = diagnostic::invalid(text, "Invalid CIDR format provided");
                    self.say(problem, &path.index(index));
                }
            }
        }
        cidrs
    }

    /// `domainNames`, lower-case and without a dot at the end.
    pub(super) fn domain_names(&mut self, items: &[NodeId], path: &Trail<'_>) -> Vec<String> {
        let mut names = Vec::new();
        self.distinct(items, path);
        for (index, item) in items.iter().enumerate() {
            let name = self.string(*item);
            if is_domain_name(name) {
                names.push(name.trim_end_matches('.').to_ascii_lowercase());
            } else {
                self.say(diagnostic::no_domain_name(name), &path.index(index));
            }
        }
        names
    }

    /// Whether a peer is of a kind that has no ports of its own, and so no names of ports.
    pub(super) fn is_without_ports(&self, peer: NodeId) -> bool {
        let kinds = ["nodes", "networks", "domainNames"];
        kinds.iter().any(|kind| self.at(Some(peer), kind).is_some())
    }
}

/// Whether the definition's pattern takes a domain name; the pattern writes `A-z`, which holds some
/// marks between the letters.
fn is_domain_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_first = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'z').contains(&byte);
    let is_last = |byte: u8| byte.is_ascii_alphanumeric();
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| match label.as_bytes() {
        [] => false,
        [only] => is_first(*only),
        [first, inner @ .., last] => {
            is_first(*first) && inner.iter().copied().all(is_inner) && is_last(*last)
        }
    };
    name.contains('.') && name.split('.').all(is_label)
}
