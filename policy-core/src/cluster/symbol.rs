//! Strings by number: label keys and values, port names, node names.

use crate::map::Map;

/// A string of its [`Symbols`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u32);

/// Every string that was met once.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    numbers: Map<Box<str>, Symbol>,
    strings: Vec<Box<str>>,
}

impl Symbols {
    /// The symbol of a string, new or known.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(&known) = self.numbers.get(text) {
            return known;
        }
        let new = Symbol(u32::try_from(self.strings.len()).unwrap_or(u32::MAX));
        self.numbers.insert(text.into(), new);
        self.strings.push(text.into());
        new
    }

    /// The symbol of a string that was met.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.numbers.get(text).copied()
    }

    /// The string of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.strings.get(symbol.0 as usize).map_or("", |text| text)
    }
}
