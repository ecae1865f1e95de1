//! What is asked of a compiled policy: one question a file. Answers are plain data.

mod clauses;
mod default_deny;
mod end;
mod error;
mod flow;
mod governed;
mod isolation;
mod joint;
mod matrix;
mod tiers;
mod why;

pub use default_deny::{BaselineDeny, Covers};
pub(crate) use end::named_ports;
pub use end::{End, EndName, Meaning, Member, parse_port, resolve};
pub use error::QuestionError;
pub use flow::{Answer, Assumption, Detail, Part, Question, Verdict, flow, verdict};
pub use isolation::{
    AdminAccept, Beyond, DefaultDeny, DirectionIsolation, EndpointIsolation, Governing, Isolation,
    NamespaceIsolation, Reach, isolation,
};
pub(crate) use joint::{Side, joint};
pub use matrix::{
    Block, BlockEnds, ClassEntry, Counts, Filter, PairEnd, Selection, Unit, classes, matrix,
    outside_of, pairs, units,
};
pub use tiers::{Step, TierWhy};
pub use why::{EndReason, EndWhy, Matched, PeerReason, PeerWhy, PolicyWhy, PortWhy, RuleWhy, Why};
