//! Versioned JSON in and out: the one door for hosts, with the words of the command line.
//!
//! A whole document starts with `"apiVersion": "netverdict.dev/v1alpha1"`; lines do not.

mod check;
mod diff;
mod flow;
mod handle;
mod isolation;
mod matrix;
mod traffic;
mod validate;

pub use check::{
    CheckCountsJson, CheckJson, CheckRequest, FindingJson, FlowBlockJson, OpenPodsJson,
    WitnessJson, check, finding, finding_position, fingerprint,
};
pub use diff::{
    CauseJson, ChangedObjectJson, DiffBlockJson, DiffCountsJson, DiffEndJson, DiffJson, KeptJson,
    MovedJson, PodsJson, RadiusJson, diff,
};
pub use flow::{
    AnswerJson, EndJson, PartJson, PolicyJson, QueryJson, RuleJson, WhyJson, answer, error, why,
};
pub use handle::{
    DiffRequest, ManifestJson, MatrixJson, MatrixRequest, Request, Response, answer_query, handle,
    handle_text,
};
pub use isolation::{IsolationJson, isolation};
pub use matrix::{
    AddressesJson, BlockJson, ClassJson, CountsJson, MatrixEndJson, PairJson, block, class, counts,
    pair, ranges, write_block,
};
pub use traffic::{PortJson, traffic};
pub use validate::{DiagnosticJson, RecordJson, RelatedJson, diagnostic, record};

/// The version of every document here.
pub const API_VERSION: &str = "netverdict.dev/v1alpha1";
