//! Answers as text, CSV and Markdown: one file a view, layout only. The words are `policy-core`'s
//! `say`, and JSON is its `wire`.

mod diagnostics;
mod diff;
mod flow;
mod isolation;
mod matrix;
mod style;
mod table;

pub use diagnostics::diagnostic;
pub use diff::{RADII, diff_csv, diff_markdown, diff_text};
pub use flow::flow_text;
pub use isolation::{isolation_csv, isolation_markdown, isolation_text};
pub use matrix::{MatrixView, matrix_markdown, matrix_text, pair_row};
pub use style::{Style, Tone};
pub use table::csv_row;
