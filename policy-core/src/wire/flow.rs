//! Questions and answers about flows.

use serde::{Deserialize, Serialize};

use super::{PortJson, traffic};
use crate::cluster::Cluster;
use crate::manifest::document::{Place, PortRef};
use crate::manifest::{FieldPath, Locator};
use crate::netset::Protocol;
use crate::query::{
    Answer, EndWhy, Matched, Part, PolicyWhy, Question, QuestionError, Step, TierWhy, Why,
    parse_port,
};
use crate::say;

/// A question, as a line of `netverdict flow --queries`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueryJson {
    /// The source: `[KIND/]NAMESPACE/NAME`, `node/NAME`, an address or a CIDR.
    pub from: String,
    /// The destination: the same, `:PORT` behind it, or `svc/NAMESPACE/NAME:PORT`.
    pub to: String,
    /// The port, by number or name.
    #[serde(default)]
    pub port: Option<serde_json::Value>,
    /// `TCP`, `UDP` or `SCTP`; TCP if there is a port, else all.
    #[serde(default)]
    pub protocol: Option<String>,
}

impl QueryJson {
    /// The question.
    ///
    /// # Errors
    /// An end, the port or the protocol is none.
    pub fn question(&self) -> Result<Question, QuestionError> {
        let port = match &self.port {
            None | Some(serde_json::Value::Null) => None,
            Some(serde_json::Value::String(text)) => {
                Some(parse_port(text).ok_or_else(|| QuestionError::BadPort(text.clone()))?)
            }
            Some(value) => {
                let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
                let number = number.filter(|number| *number != 0);
                let bad = || QuestionError::BadPort(value.to_string());
                Some(PortRef::Number(number.ok_or_else(bad)?))
            }
        };
        let protocol = match &self.protocol {
            None => None,
            Some(text) => {
                let known = Protocol::parse(&text.to_ascii_uppercase());
                Some(known.ok_or_else(|| QuestionError::BadProtocol(text.clone()))?)
            }
        };
        Ok(Question { from: self.from.parse()?, to: self.to.parse()?, protocol, port })
    }
}

/// An answer, as a line of `netverdict flow --queries`: the question again, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnswerJson {
    /// The source, as asked.
    pub from: String,
    /// The destination, as asked.
    pub to: String,
    /// The port, as asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<serde_json::Value>,
    /// The protocol, as asked or by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `allow`, `deny`, `depends` or `mixed`; left out beside an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The clauses that it hangs on, or that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clauses: Option<Vec<String>>,
    /// What is allowed of all that was asked, with every member; left out where one port was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<PortJson>>,
    /// What depends of all that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends: Option<Vec<PortJson>>,
    /// What the manifests do not say, and was assumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// The families in which it flows, where the two differ (C21).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<&'static str>,
    /// Both ends' reasons; left out if that was asked, or if there are parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyJson>,
    /// The answers for each two members, where an end means several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartJson>,
}

/// The answer for two members.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartJson {
    /// The source.
    pub from: String,
    /// The destination.
    pub to: String,
    /// What was asked of these two.
    pub asked: Vec<PortJson>,
    /// The verdict.
    pub verdict: &'static str,
    /// The clauses.
    pub clauses: Vec<String>,
    /// What is allowed.
    pub allowed: Vec<PortJson>,
    /// What depends.
    pub depends: Vec<PortJson>,
    /// The families in which it flows, where the two differ (C21).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<&'static str>,
    /// Both ends' reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyJson>,
}

/// Both ends' reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhyJson {
    /// At the source.
    pub egress: EndJson,
    /// At the destination.
    pub ingress: EndJson,
}

/// One end's reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndJson {
    /// What the end says, whatever the other says.
    pub verdict: &'static str,
    /// Why, in a sentence.
    pub reason: String,
    /// What each tier does, in order; left out where no administrator's policy selects the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierJson>,
    /// The policies that select it, with their rules, by tier and rank.
    pub policies: Vec<PolicyJson>,
}

/// What a tier does with all that was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TierJson {
    /// `Admin`, `NetworkPolicy` or `Baseline`.
    pub tier: &'static str,
    /// What it does, in a line.
    pub does: String,
    /// `Accept`, `Deny` or `Pass`, where a rule says so for all that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// The policy of that rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The rule: `spec.ingress[1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The rule's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A policy and what its rules say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyJson {
    /// `NAMESPACE/NAME`
    pub policy: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its tier: `Admin`, `NetworkPolicy` or `Baseline`.
    pub tier: &'static str,
    /// Its priority in the tier; left out for NetworkPolicies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u16>,
    /// Its place.
    #[serde(flatten)]
    pub place: PlaceJson,
    /// Its rules of the direction, in order.
    pub rules: Vec<RuleJson>,
}

/// A rule, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleJson {
    /// Its place.
    #[serde(flatten)]
    pub place: PlaceJson,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub name: String,
    /// What it does with what it matches: `Accept`, `Deny` or `Pass`.
    pub action: &'static str,
    /// Whether it could not be read or evaluated, and fails closed.
    #[serde(rename = "failsClosed", skip_serializing_if = "std::ops::Not::not")]
    pub fails_closed: bool,
    /// False if a rule before it decides on all that was asked, or an earlier tier does.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub reached: bool,
    /// Whether it matches what was asked: `yes`, `no` or `partly`.
    pub matched: &'static str,
    /// Its peers, in order; none means everyone.
    pub peers: Vec<PeerJson>,
    /// Its ports, in order; none means every port.
    pub ports: Vec<RulePortJson>,
}

/// A peer, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeerJson {
    /// Its place.
    #[serde(flatten)]
    pub place: PlaceJson,
    /// Whether it matches the other end: `yes`, `no` or `partly`.
    pub matched: &'static str,
    /// Why, piece by piece.
    pub because: Vec<String>,
}

/// A port of a rule, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RulePortJson {
    /// Its place.
    #[serde(flatten)]
    pub place: PlaceJson,
    /// Whether it covers what was asked: `yes`, `no` or `partly`.
    pub matched: &'static str,
    /// What it means at the destination.
    pub means: Vec<PortJson>,
}

/// A place in a manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaceJson {
    /// The field: `spec.ingress[0].from[1]`.
    pub path: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
}

/// The line of an answer. `places` finds the rules' places; none leaves `why` out.
pub fn answer(
    query: &QueryJson,
    question: &Question,
    answer: &Answer,
    cluster: &Cluster,
    mut places: Option<&mut Locator<'_>>,
) -> AnswerJson {
    let has_port = question.port.is_some() || question.to.port.is_some();
    let mut line = echo(query);
    if line.protocol.is_none() && has_port {
        line.protocol = Some(Protocol::Tcp.name().to_owned());
    }
    line.verdict = Some(answer.verdict.name());
    line.clauses = Some(answer.clauses.iter().map(ToString::to_string).collect());
    if !has_port {
        let cell = answer.cell();
        line.allowed = Some(traffic(&cell.allowed));
        line.depends = Some(traffic(&cell.depends));
    }
    line.assumptions = answer.assumptions.iter().map(ToString::to_string).collect();
    match answer.parts.as_slice() {
        [only] => {
            line.families = only.families.iter().map(|family| family.name()).collect();
            line.why = why_of(only, cluster, places);
        }
        parts => {
            line.parts =
                parts.iter().map(|part| part_json(part, cluster, places.as_deref_mut())).collect();
        }
    }
    line
}

/// The line of a question that has no answer.
pub fn error(query: &QueryJson, error: &QuestionError) -> AnswerJson {
    AnswerJson { error: Some(error.to_string()), ..echo(query) }
}

fn echo(query: &QueryJson) -> AnswerJson {
    AnswerJson {
        from: query.from.clone(),
        to: query.to.clone(),
        port: query.port.clone(),
        protocol: query.protocol.clone(),
        verdict: None,
        error: None,
        clauses: None,
        allowed: None,
        depends: None,
        assumptions: Vec::new(),
        families: Vec::new(),
        why: None,
        parts: Vec::new(),
    }
}

fn part_json(part: &Part, cluster: &Cluster, places: Option<&mut Locator<'_>>) -> PartJson {
    PartJson {
        from: part.from.display(cluster),
        to: part.to.display(cluster),
        asked: traffic(&part.asked),
        verdict: part.verdict.name(),
        clauses: part.clauses.iter().map(ToString::to_string).collect(),
        allowed: traffic(&part.cell.allowed),
        depends: traffic(&part.cell.depends),
        families: part.families.iter().map(|family| family.name()).collect(),
        why: why_of(part, cluster, places),
    }
}

fn why_of(part: &Part, cluster: &Cluster, places: Option<&mut Locator<'_>>) -> Option<WhyJson> {
    let (reasons, places) = (part.why.as_deref()?, places?);
    let names = [part.from.display(cluster), part.to.display(cluster)];
    Some(why(reasons, &names, places))
}

/// Reasons with their places; `names` are the source and the destination.
pub fn why(why: &Why, names: &[String; 2], places: &mut Locator<'_>) -> WhyJson {
    use crate::netset::Direction::{Egress, Ingress};
    let [from, to] = names;
    let end = |direction, own: &EndWhy, name: &str, places: &mut Locator<'_>| EndJson {
        verdict: own.verdict.name(),
        reason: say::end_reason(direction, own, name),
        tiers: own.tiers.iter().map(|one| tier_json(own, one)).collect(),
        policies: own.policies.iter().map(|policy| policy_json(policy, places)).collect(),
    };
    WhyJson {
        egress: end(Egress, &why.egress, from, places),
        ingress: end(Ingress, &why.ingress, to, places),
    }
}

fn tier_json(end: &EndWhy, one: &TierWhy) -> TierJson {
    let mut line = TierJson {
        tier: one.tier.name(),
        does: say::tier_step(end, one),
        action: None,
        policy: None,
        rule: None,
        name: None,
    };
    if let Step::Rule { action, policy, path, name } = &one.step {
        line.action = Some(action.name());
        line.policy = Some(say::object(policy));
        line.rule = Some(path.to_string());
        line.name = Some(name.clone()).filter(|name| !name.is_empty());
    }
    line
}

fn policy_json(policy: &PolicyWhy, places: &mut Locator<'_>) -> PolicyJson {
    let at = |path: &FieldPath, places: &mut Locator<'_>| place_json(policy.place, path, places);
    PolicyJson {
        policy: say::object(&policy.policy),
        kind: policy.policy.kind.name(),
        tier: policy.tier.name(),
        priority: policy.priority,
        place: at(&FieldPath::root(), places),
        rules: policy
            .rules
            .iter()
            .map(|rule| RuleJson {
                place: at(&rule.path, places),
                name: rule.name.clone(),
                action: rule.action.name(),
                fails_closed: rule.fails_closed,
                reached: rule.is_reached,
                matched: matched(rule.matched),
                peers: rule
                    .peers
                    .iter()
                    .map(|peer| PeerJson {
                        place: at(&peer.path, places),
                        matched: matched(peer.matched),
                        because: peer
                            .reasons
                            .iter()
                            .map(|reason| {
                                let (what, outcome) = say::peer_reason(reason);
                                format!("{what} {outcome}")
                            })
                            .collect(),
                    })
                    .collect(),
                ports: rule
                    .ports
                    .iter()
                    .map(|port| RulePortJson {
                        place: at(&port.path, places),
                        matched: matched(port.matched),
                        means: traffic(&port.means),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn place_json(place: Place, path: &FieldPath, places: &mut Locator<'_>) -> PlaceJson {
    let start = places.locate(place, path).map(|location| location.start);
    PlaceJson {
        path: path.to_string(),
        file: places.name(place).to_owned(),
        line: start.map_or(1, |start| start.line),
        column: start.map_or(1, |start| start.column),
    }
}

fn matched(matched: Matched) -> &'static str {
    match matched {
        Matched::Yes => "yes",
        Matched::No => "no",
        Matched::Partly => "partly",
    }
}
