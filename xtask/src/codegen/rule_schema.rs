//! The schemas of IsolationRules, from one description: JSON Schema for editors, and the
//! CustomResourceDefinition for a cluster.

use serde_json::{Map, Value, json};

use super::custom_types;

/// Which of the two is made: a cluster takes structural schemas only, which say less.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Json,
    Crd,
}

/// The text of `policy-core/schema/isolationrule.schema.json`.
pub(crate) fn json_schema() -> Result<String, String> {
    let maker = Maker { target: Target::Json };
    let spec = maker.spec()?;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://netverdict.dev/schemas/isolationrule.schema.json",
        "title": "IsolationRule",
        "description": KIND,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": "netverdict.dev/v1alpha1"},
            "kind": {"const": "IsolationRule"},
            "metadata": {
                "description": "Its name; a rule stands in no namespace.",
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "namespace": {"enum": ["", null]},
                },
            },
            "spec": spec,
        },
    });
    let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    Ok(format!("{text}\n"))
}

/// The text of `policy-core/schema/isolationrules.netverdict.dev.crd.yaml`.
pub(crate) fn crd() -> Result<String, String> {
    let maker = Maker { target: Target::Crd };
    let spec = maker.spec()?;
    let column = |name: &str, path: &str, priority: u8| json!({"name": name, "type": "string", "jsonPath": path, "priority": priority});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "isolationrules.netverdict.dev"},
        "spec": {
            "group": "netverdict.dev",
            "scope": "Cluster",
            "names": {
                "kind": "IsolationRule",
                "listKind": "IsolationRuleList",
                "plural": "isolationrules",
                "singular": "isolationrule",
                "shortNames": ["irule"],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    column("Severity", ".spec.severity", 0),
                    column("Message", ".spec.message", 0),
                ],
                "schema": {"openAPIV3Schema": {
                    "description": KIND,
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": spec,
                    },
                }},
            }],
        },
    });
    let text = serde_yaml_ng::to_string(&definition).map_err(|error| error.to_string())?;
    Ok(format!("# Made by `cargo xtask codegen`: do not edit.\n{text}"))
}

const KIND: &str = "What must hold of the flows of a cluster, whatever its policies say.";

struct Maker {
    target: Target,
}

type Made = Result<Value, String>;

impl Maker {
    /// An object of one of the types in [`custom_types`], whose fields these must be.
    fn object(&self, of: &str, fields: Vec<(&str, &str, Value)>, more: Value) -> Made {
        let known = custom_types::TYPES.iter().find(|(name, _)| *name == of);
        let known = known.ok_or_else(|| format!("no type {of}"))?.1;
        let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let own: Vec<&str> = fields.iter().map(|(name, ..)| *name).collect();
        if known != own {
            return Err(format!("the fields of {of} are {known:?}, not {own:?}"));
        }
        Ok(self.any_object(fields, more))
    }

    fn any_object(&self, fields: Vec<(&str, &str, Value)>, more: Value) -> Value {
        let mut properties = Map::new();
        for (name, description, mut schema) in fields {
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), description.into());
            }
            properties.insert(name.to_owned(), schema);
        }
        let mut object = Map::new();
        object.insert("type".to_owned(), "object".into());
        object.insert("properties".to_owned(), properties.into());
        // A cluster drops unknown fields, or refuses them where the client asks for it.
        if self.target == Target::Json {
            object.insert("additionalProperties".to_owned(), false.into());
        }
        object.extend(more.as_object().cloned().unwrap_or_default());
        object.into()
    }

    fn spec(&self) -> Made {
        let promises = ["forbid", "require", "isolated", "separate"];
        let rule = "[has(self.forbid), has(self.require), has(self.isolated), has(self.separate)]\
                    .filter(one, one).size() == 1";
        let more = match self.target {
            Target::Json => json!({"oneOf": promises.map(|name| json!({"required": [name]}))}),
            Target::Crd => json!({"x-kubernetes-validations": [{
                "rule": rule,
                "message": "exactly one of forbid, require, isolated and separate must be there",
            }]}),
        };
        let fields = vec![
            (
                "severity",
                "How bad it is if it does not hold.",
                words(&["error", "warning", "info"], Some("error")),
            ),
            (
                "message",
                "Why it must hold, for those who read that it does not.",
                json!({"type": "string"}),
            ),
            (
                "allowEmpty",
                "Whether a list of peers that matches no pod and no address is fine.",
                json!({"type": "boolean", "default": false}),
            ),
            (
                "forbid",
                "Nothing flows from these to those on these ports, but for what is excepted.",
                self.forbid()?,
            ),
            ("require", "Each of these reaches those, for certain.", self.require()?),
            (
                "isolated",
                "At least one NetworkPolicy selects each of these pods, for each direction.",
                self.isolated()?,
            ),
            (
                "separate",
                "Nothing flows from a group of namespaces to another, but for what is excepted.",
                self.separate()?,
            ),
        ];
        self.object("IsolationRuleSpec", fields, more)
    }

    fn forbid(&self) -> Made {
        let fields = vec![
            ("from", FROM, self.peers(true, 1)?),
            ("to", TO, self.peers(true, 1)?),
            ("ports", PORTS, self.ports()),
            ("except", EXCEPT, self.flows()?),
        ];
        self.object("IsolationRuleForbid", fields, json!({"required": ["from", "to"]}))
    }

    fn require(&self) -> Made {
        let reach = "All: each source reaches each destination on each port. Any: each source \
                     reaches at least one destination on at least one port.";
        let fields = vec![
            ("from", FROM, self.peers(true, 1)?),
            ("to", TO, self.peers(true, 1)?),
            ("ports", PORTS, self.ports()),
            ("reach", reach, words(&["All", "Any"], Some("All"))),
        ];
        self.object("IsolationRuleRequire", fields, json!({"required": ["from", "to"]}))
    }

    fn isolated(&self) -> Made {
        let directions = json!({
            "type": "array",
            "minItems": 1,
            "items": words(&["Ingress", "Egress"], None),
            "default": ["Ingress", "Egress"],
        });
        let fields = vec![
            ("pods", "The pods, by selectors.", self.peers(false, 1)?),
            ("except", "Pods that are excepted, by selectors.", self.peers(false, 0)?),
            ("directions", "Both, if there is no list.", directions),
        ];
        self.object("IsolationRuleIsolated", fields, json!({"required": ["pods"]}))
    }

    fn separate(&self) -> Made {
        let fields = vec![
            ("name", "What the group is called.", json!({"type": "string", "minLength": 1})),
            ("namespaceSelector", "Its namespaces, by labels; {} is all.", self.selector()),
        ];
        let required = json!({"required": ["name", "namespaceSelector"]});
        let group = self.object("IsolationRuleGroup", fields, required)?;
        let mut groups = json!({"type": "array", "minItems": 2, "items": group});
        let mut more = json!({});
        match self.target {
            Target::Json => {
                set(
                    &mut more,
                    "oneOf",
                    json!([{"required": ["groups"]}, {"required": ["byLabel"]}]),
                );
            }
            Target::Crd => {
                set(&mut groups, "x-kubernetes-list-type", json!("map"));
                set(&mut groups, "x-kubernetes-list-map-keys", json!(["name"]));
                let rule = json!([{
                    "rule": "has(self.groups) != has(self.byLabel)",
                    "message": "exactly one of groups and byLabel must be there",
                }]);
                set(&mut more, "x-kubernetes-validations", rule);
            }
        }
        let fields = vec![
            ("groups", "Groups of namespaces, by name.", groups),
            (
                "byLabel",
                "A label of namespaces: a group for each value of it.",
                json!({"type": "string", "minLength": 1, "maxLength": 317}),
            ),
            ("except", EXCEPT, self.flows()?),
        ];
        self.object("IsolationRuleSeparate", fields, more)
    }

    fn flows(&self) -> Made {
        let fields = vec![
            ("from", FROM, self.peers(true, 1)?),
            ("to", TO, self.peers(true, 1)?),
            ("ports", PORTS, self.ports()),
        ];
        let flow = self.object("IsolationRuleFlow", fields, json!({"minProperties": 1}))?;
        Ok(json!({"type": "array", "items": flow}))
    }

    /// Peers; only pods, if addresses cannot be meant.
    fn peers(&self, with_addresses: bool, least: u8) -> Made {
        let fields = vec![
            ("cidr", "The block, such as 10.0.0.0/8.", json!({"type": "string", "minLength": 1})),
            (
                "except",
                "Blocks in it that are not meant.",
                json!({"type": "array", "items": {"type": "string"}}),
            ),
        ];
        let block = self.any_object(fields, json!({"required": ["cidr"]}));
        let outside = self.object("IsolationRuleOutside", Vec::new(), json!({}))?;
        let fields = vec![
            (
                "namespaceSelector",
                "Pods, by the labels of their namespaces; {} is all namespaces.",
                self.selector(),
            ),
            ("podSelector", "Beside namespaceSelector: by their own labels, too.", self.selector()),
            ("ipBlock", "Addresses, those of pods included.", block),
            ("outside", "Every address that no pod and no node has.", outside),
        ];
        let not_beside = |names: &[&str]| -> Vec<Value> {
            names.iter().map(|name| json!({"required": [name]})).collect()
        };
        let mut forms = vec![json!({
            "required": ["namespaceSelector"],
            "not": {"anyOf": not_beside(&["ipBlock", "outside"])},
        })];
        if with_addresses {
            for (one, others) in [
                ("ipBlock", ["namespaceSelector", "podSelector", "outside"]),
                ("outside", ["namespaceSelector", "podSelector", "ipBlock"]),
            ] {
                forms.push(json!({"required": [one], "not": {"anyOf": not_beside(&others)}}));
            }
        }
        let peer = self.object("IsolationRulePeer", fields, json!({"oneOf": forms}))?;
        let mut list = json!({"type": "array", "items": peer});
        if least > 0 {
            set(&mut list, "minItems", json!(least));
        }
        Ok(list)
    }

    fn ports(&self) -> Value {
        let port = match self.target {
            Target::Json => json!({"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {"type": "string", "minLength": 1, "maxLength": 15},
            ]}),
            Target::Crd => json!({"x-kubernetes-int-or-string": true}),
        };
        let fields = vec![
            ("protocol", "TCP, if there is none.", words(&["TCP", "UDP", "SCTP"], Some("TCP"))),
            (
                "port",
                "A number, or the name of a container's port; every port, if there is none.",
                port,
            ),
            (
                "endPort",
                "With port: the last port of a range.",
                json!({"type": "integer", "minimum": 1, "maximum": 65535}),
            ),
        ];
        let more = match self.target {
            Target::Json => json!({"dependentRequired": {"endPort": ["port"]}}),
            Target::Crd => json!({}),
        };
        json!({"type": "array", "minItems": 1, "items": self.any_object(fields, more)})
    }

    fn selector(&self) -> Value {
        let text = || json!({"type": "string"});
        let expression = self.any_object(
            vec![
                ("key", "The label.", json!({"type": "string", "minLength": 1})),
                (
                    "operator",
                    "How it is compared.",
                    words(&["In", "NotIn", "Exists", "DoesNotExist"], None),
                ),
                ("values", "Of In and NotIn.", json!({"type": "array", "items": text()})),
            ],
            json!({"required": ["key", "operator"]}),
        );
        let more = match self.target {
            Target::Json => json!({}),
            Target::Crd => json!({"x-kubernetes-map-type": "atomic"}),
        };
        let labels = json!({"type": "object", "additionalProperties": text()});
        self.any_object(
            vec![
                ("matchLabels", "Labels and their values; all must be there.", labels),
                (
                    "matchExpressions",
                    "All must hold.",
                    json!({"type": "array", "items": expression}),
                ),
            ],
            more,
        )
    }
}

const FROM: &str = "The sources: not empty.";
const TO: &str = "The destinations: not empty.";
const PORTS: &str =
    "Ports, as in a NetworkPolicy; every port of TCP, UDP and SCTP, if there is no list.";
const EXCEPT: &str = "Flows that are excepted: of each, a part that is missing is the rule's own.";

/// A text that is one of some words.
fn words(words: &[&str], default: Option<&str>) -> Value {
    let mut schema = json!({"type": "string", "enum": words});
    if let Some(default) = default {
        set(&mut schema, "default", json!(default));
    }
    schema
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}
