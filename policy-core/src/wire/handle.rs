//! The one door for hosts: a request in, a response out.

use serde::{Deserialize, Serialize};

use super::{
    API_VERSION, AnswerJson, BlockJson, CheckJson, CheckRequest, ClassJson, CountsJson,
    DiagnosticJson, IsolationJson, QueryJson, RecordJson,
};
use crate::check::{self, Level, Levels, World};
use crate::compile::{CompiledPolicy, Options, compile};
use crate::manifest::{Locator, ReadOptions, Reading, Severity, Source, read};
use crate::netset::parse_cidr;
use crate::profile::Profile;
use crate::query::{self, Detail, Filter, Selection};

/// What a host asks: manifests, how to read them, and any of the questions.
///
/// ```
/// use policy_core::wire::handle_text;
///
/// let request = r#"{
///   "manifests": [{"name": "a.yaml", "text": "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}"}],
///   "flows": [{"from": "x/a", "to": "203.0.113.7", "port": 443}]
/// }"#;
/// let response: serde_json::Value = serde_json::from_str(&handle_text(request)).unwrap();
/// assert_eq!(response["flows"][0]["verdict"], "allow");
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// `netverdict.dev/v1alpha1`; may be left out.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The manifests.
    #[serde(default)]
    pub manifests: Vec<ManifestJson>,
    /// The namespace of objects that name none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Who enforces: `spec`, `calico`, …
    #[serde(default)]
    pub profile: Option<String>,
    /// The addresses of pods.
    #[serde(default)]
    pub pod_cidrs: Vec<String>,
    /// Whether to say what was read.
    #[serde(default)]
    pub validate: bool,
    /// Questions about flows.
    #[serde(default)]
    pub flows: Option<Vec<QueryJson>>,
    /// Whether to leave out the reasons of flows.
    #[serde(default)]
    pub no_why: bool,
    /// Whether to give the matrix, and of whom.
    #[serde(default)]
    pub matrix: Option<MatrixRequest>,
    /// Whether to say who is isolated.
    #[serde(default)]
    pub isolation: bool,
    /// Whether to check the manifests, the IsolationRules among them included.
    #[serde(default)]
    pub check: Option<CheckRequest>,
}

/// A text with its name.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManifestJson {
    /// The name that places show.
    #[serde(default)]
    pub name: String,
    /// YAML or JSON.
    pub text: String,
}

/// Which part of a matrix.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatrixRequest {
    /// The sources: namespaces, `outside`, or ends; all if there is none.
    #[serde(default)]
    pub from: Vec<String>,
    /// The destinations.
    #[serde(default)]
    pub to: Vec<String>,
}

/// What comes back.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The version of this document.
    pub api_version: &'static str,
    /// Why nothing could be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The errors in the manifests; what they stand in is left out of every answer, but for the
    /// policies of administrators of which a rule then fails closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<DiagnosticJson>,
    /// What was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate: Option<Vec<RecordJson>>,
    /// The answers, in the order of the questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<Vec<AnswerJson>>,
    /// The matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<MatrixJson>,
    /// Who is isolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<IsolationJson>,
    /// The report of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckJson>,
}

/// A whole matrix: the document of `netverdict matrix -o json`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MatrixJson {
    /// The version of this document.
    pub api_version: &'static str,
    /// The classes.
    pub classes: Vec<ClassJson>,
    /// The blocks: disjoint, and together all that flows.
    pub blocks: Vec<BlockJson>,
    /// How much there is.
    pub counts: CountsJson,
}

impl Response {
    fn empty() -> Response {
        Response {
            api_version: API_VERSION,
            error: None,
            refused: Vec::new(),
            validate: None,
            flows: None,
            matrix: None,
            isolation: None,
            check: None,
        }
    }
}

/// Answers a request. Nothing fails: what cannot be answered says so.
pub fn handle(request: Request) -> Response {
    let mut response = Response::empty();
    if let Err(error) = answer(request, &mut response) {
        response.error = Some(error);
    }
    response
}

/// Answers a request that is text, with text.
pub fn handle_text(request: &str) -> String {
    let response = match serde_json::from_str(request) {
        Ok(request) => handle(request),
        Err(error) => {
            Response { error: Some(format!("the request: {error}")), ..Response::empty() }
        }
    };
    serde_json::to_string(&response).unwrap_or_default()
}

fn answer(request: Request, response: &mut Response) -> Result<(), String> {
    if let Some(version) = request.api_version.as_deref().filter(|own| *own != API_VERSION) {
        return Err(format!("`{version}` is not {API_VERSION}"));
    }
    let profile = match &request.profile {
        None => Profile::Spec,
        Some(name) => Profile::parse(name).ok_or_else(|| format!("`{name}` is no profile"))?,
    };
    let mut pod_cidrs = Vec::new();
    for text in &request.pod_cidrs {
        pod_cidrs.push(parse_cidr(text).map_err(|_| format!("`{text}` is no CIDR"))?.cidr);
    }
    let options = ReadOptions {
        namespace: request.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        keep_spec: request.validate,
    };
    let manifests = request.manifests.into_iter();
    let sources = manifests.map(|one| Source { name: one.name, text: one.text }).collect();
    let mut reading = read(sources, &options);
    let mut objects = reading.take_objects();
    let rules = check::take_rules(&mut objects);
    let Reading { sources, records } = reading;
    let mut places = Locator::new(&sources);
    let errors = records.iter().flat_map(|record| &record.diagnostics);
    let errors = errors.filter(|one| one.severity == Severity::Error);
    response.refused = errors.map(|one| super::diagnostic(one, &mut places)).collect();
    if request.validate {
        response.validate =
            Some(records.iter().map(|record| super::record(record, &mut places)).collect());
    }
    let how = Options { profile, pod_cidrs };
    let policy = compile(objects, how.clone());
    if let Some(queries) = &request.flows {
        let detail = if request.no_why { Detail::Verdict } else { Detail::Why };
        response.flows = Some(
            queries.iter().map(|query| answer_query(&policy, query, detail, &mut places)).collect(),
        );
    }
    if let Some(asked) = &request.matrix {
        response.matrix = Some(matrix(&policy, asked)?);
    }
    if request.isolation {
        let found = query::isolation(&policy);
        response.isolation = Some(super::isolation(&found, policy.cluster(), |_| true));
    }
    if let Some(asked) = request.check {
        let world = World { records: &records, rules: &rules, policy: &policy };
        let report = check_world(world, asked, &options, how)?;
        response.check = Some(super::check(&report, policy.cluster(), &mut places));
    }
    Ok(())
}

/// Checks a world, against one before where that is given.
fn check_world(
    world: World<'_>,
    asked: CheckRequest,
    options: &ReadOptions,
    how: Options,
) -> Result<check::Report, String> {
    let mut levels = Levels::default();
    for (id, name) in &asked.levels {
        let level = Level::parse(name).ok_or_else(|| format!("`{name}` is no level"))?;
        levels.0.insert(id.clone(), level);
    }
    let Some(base) = asked.base else { return Ok(check::check(world, None, &levels)) };
    let sources = base.into_iter().map(|one| Source { name: one.name, text: one.text }).collect();
    let mut reading = read(sources, options);
    let mut objects = reading.take_objects();
    let rules = check::take_rules(&mut objects);
    let policy = compile(objects, how);
    let before = World { records: &reading.records, rules: &rules, policy: &policy };
    Ok(check::check(world, Some(before), &levels))
}

/// The line of one question.
pub fn answer_query(
    policy: &CompiledPolicy,
    query: &QueryJson,
    detail: Detail,
    places: &mut Locator<'_>,
) -> AnswerJson {
    let answered = query.question().and_then(|question| {
        let answer = query::flow(policy, &question, detail)?;
        Ok((question, answer))
    });
    match answered {
        Ok((question, answer)) => {
            let places = (detail == Detail::Why).then_some(places);
            super::answer(query, &question, &answer, policy.cluster(), places)
        }
        Err(error) => super::error(query, &error),
    }
}

fn matrix(policy: &CompiledPolicy, asked: &MatrixRequest) -> Result<MatrixJson, String> {
    let cluster = policy.cluster();
    let side = |names: &[String]| match names {
        [] => Ok(None),
        names => Selection::of(cluster, names).map(Some).map_err(|error| error.to_string()),
    };
    let filter = Filter { from: side(&asked.from)?, to: side(&asked.to)? };
    let classes = query::classes(policy, &filter);
    let mut blocks = Vec::new();
    let counts = query::matrix(policy, &filter, |block| blocks.push(super::block(block)));
    Ok(MatrixJson {
        api_version: API_VERSION,
        classes: classes.iter().map(|class| super::class(class, cluster)).collect(),
        blocks,
        counts: super::counts(counts),
    })
}
