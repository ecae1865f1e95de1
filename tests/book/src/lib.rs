//! The semantics book (`docs/semantics`) and the cases beside it (`tests/cases`), as data: what
//! is given, what is asked, what must come out. It knows no engine, so that every host can be run
//! over all of them.

mod case;
mod chapter;
mod diff;
mod line;

pub use case::{Case, all, beside, book, diffs};
pub use diff::{DiffCase, DiffLine, parse_diff};
pub use line::{Directives, Flow, parse};
