//! Answers as text, CSV, Markdown and SARIF: one file a view, layout only. The words are `policy-core`'s
//! `say`, and JSON is its `wire`.

mod check;
mod diagnostics;
mod diff;
mod flow;
mod isolation;
mod matrix;
mod mistakes;
mod snippet;
mod style;
mod table;

pub use check::{CheckView, Root, check_github, check_markdown, check_sarif, check_text};
pub use diagnostics::diagnostic;
pub use diff::{RADII, diff_csv, diff_markdown, diff_text};
pub use flow::flow_text;
pub use isolation::{isolation_csv, isolation_markdown, isolation_text};
pub use matrix::{MatrixView, matrix_markdown, matrix_text, pair_row};
pub use mistakes::mistake;
pub use style::{Style, Tone};
pub use table::csv_row;
