//! From the tree of the file to what it says: one function a key.

use std::ops::Range;

use policy_core::check::{Level, Levels};
use policy_core::netset::{Cidr, parse_cidr};
use policy_core::profile::Profile;
use toml::de::{DeTable, DeValue};

use crate::{Config, Exclude, FailOn, Mistake, Pattern};

const KEYS: [&str; 7] =
    ["paths", "exclude", "profile", "pod-cidr", "namespace", "fail-on", "levels"];
const LEVELS: [&str; 4] = ["off", "info", "warning", "error"];

/// How many mistakes are said.
const MISTAKES: usize = 20;

type Spanned<'d, 't> = &'d toml::Spanned<DeValue<'t>>;

pub(crate) struct Walk<'t> {
    pub(crate) text: &'t str,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Walk<'_> {
    pub(crate) fn config(&mut self, table: &DeTable<'_>) -> Config {
        let mut config = Config::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "paths" => config.paths = self.texts(value).map(|(_, text)| text).collect(),
                "exclude" => config.exclude = self.exclude(value),
                "profile" => config.profile = self.profile(value),
                "pod-cidr" => config.pod_cidrs = self.cidrs(value),
                "namespace" => config.namespace = self.text(value),
                "fail-on" => {
                    config.fail_on = self.word(value, &FailOn::WORDS, FailOn::parse);
                }
                "levels" => config.levels = self.levels(value),
                unknown => {
                    let help = did_you_mean(unknown, &KEYS);
                    self.say(key.span(), format!("unknown key `{unknown}`"), help);
                }
            }
        }
        config
    }

    fn say(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        if self.mistakes.len() < MISTAKES {
            self.mistakes.push(Mistake::new(self.text, span, message, help));
        }
    }

    fn wrong_type(&mut self, value: Spanned<'_, '_>, expected: &str) {
        let found = value.get_ref().type_str();
        self.say(
            value.span(),
            format!("{expected} is expected here, not a value of type {found}"),
            None,
        );
    }

    fn text(&mut self, value: Spanned<'_, '_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(value, "text in quotes");
        }
        text
    }

    /// A list of texts, or one alone.
    fn texts(
        &mut self,
        value: Spanned<'_, '_>,
    ) -> impl Iterator<Item = (Range<usize>, String)> + use<> {
        let mut texts = Vec::new();
        match value.get_ref() {
            DeValue::String(text) => texts.push((value.span(), text.clone().into_owned())),
            DeValue::Array(items) => {
                for item in items.iter() {
                    texts.extend(self.text(item).map(|text| (item.span(), text)));
                }
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => self.wrong_type(value, "a list of texts"),
        }
        texts.into_iter()
    }

    fn exclude(&mut self, value: Spanned<'_, '_>) -> Exclude {
        let mut patterns = Vec::new();
        for (span, text) in self.texts(value) {
            match Pattern::parse(&text) {
                Ok(pattern) => patterns.push(pattern),
                Err(why) => self.say(span, format!("`{text}` is no pattern: {why}"), None),
            }
        }
        Exclude(patterns)
    }

    fn cidrs(&mut self, value: Spanned<'_, '_>) -> Vec<Cidr> {
        let mut cidrs = Vec::new();
        for (span, text) in self.texts(value) {
            match parse_cidr(&text) {
                Ok(parsed) => cidrs.push(parsed.cidr),
                Err(_) => {
                    let message = format!("`{text}` is no CIDR such as 10.244.0.0/16");
                    self.say(span, message, None);
                }
            }
        }
        cidrs
    }

    fn profile(&mut self, value: Spanned<'_, '_>) -> Option<Profile> {
        let names = Profile::ALL.map(Profile::name);
        self.word(value, &names, Profile::parse)
    }

    fn levels(&mut self, value: Spanned<'_, '_>) -> Levels {
        let mut levels = Levels::default();
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(value, "a table `[levels]`");
            return levels;
        };
        for (id, level) in table {
            if let Some(level) = self.word(level, &LEVELS, Level::parse) {
                levels.0.insert(id.get_ref().clone().into_owned(), level);
            }
        }
        levels
    }

    /// A text that is one of some words.
    fn word<T>(
        &mut self,
        value: Spanned<'_, '_>,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(value)?;
        let found = parse(&text);
        if found.is_none() {
            let message = format!("`{text}` is none of {}", words.join(", "));
            self.say(value.span(), message, did_you_mean(&text, words));
        }
        found
    }
}

/// `did you mean …?`, where a known word is near.
fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let lower = word.to_ascii_lowercase().replace('_', "-");
    let near = known.iter().map(|own| (distance(&lower, own), own));
    let (distance, nearest) = near.min()?;
    let most = if nearest.len() > 5 { 2 } else { 1 };
    (distance <= most).then(|| format!("did you mean `{nearest}`?"))
}

/// How many letters must be put in, left out or changed.
fn distance(one: &str, other: &str) -> usize {
    const LONG: usize = 40;
    if one.len() > LONG {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, own) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (column, its) in other.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let changed = cell(&row, column) + usize::from(own != *its);
            let there = cell(&row, column + 1).min(cell(&next, column)) + 1;
            next.push(changed.min(there));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
