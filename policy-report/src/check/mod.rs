//! The report of a check: one file a format.

mod github;
mod markdown;
mod place;
mod root;
mod sarif;
mod text;

pub use github::check_github;
pub use markdown::check_markdown;
pub use root::Root;
pub use sarif::check_sarif;
pub use text::{CheckView, check_text};
