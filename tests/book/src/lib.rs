//! The semantics book (`docs/semantics`) and the cases beside it (`tests/cases`), as data: what
//! is given, what is asked, what must come out. It knows no engine, so that every host can be run
//! over all of them.

mod case;
mod chapter;
mod line;

pub use case::{Case, all, beside, book};
pub use line::{Directives, Flow, parse};
