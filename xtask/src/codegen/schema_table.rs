//! The fields of the kinds that are read, from `k8s-openapi`: a table for the reader, which then
//! knows every field of a pod without a type for each.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::{apps, batch, core, networking};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::custom_types;

/// The text of `policy-core/src/manifest/schema/table.rs`.
pub(crate) fn generate() -> Result<String, String> {
    let mut types = Types::default();
    let roots = [
        ("Namespace", types.add::<core::v1::Namespace>()?),
        ("Node", types.add::<core::v1::Node>()?),
        ("Pod", types.add::<core::v1::Pod>()?),
        ("Deployment", types.add::<apps::v1::Deployment>()?),
        ("StatefulSet", types.add::<apps::v1::StatefulSet>()?),
        ("DaemonSet", types.add::<apps::v1::DaemonSet>()?),
        ("ReplicaSet", types.add::<apps::v1::ReplicaSet>()?),
        ("ReplicationController", types.add::<core::v1::ReplicationController>()?),
        ("Job", types.add::<batch::v1::Job>()?),
        ("CronJob", types.add::<batch::v1::CronJob>()?),
        ("Service", types.add::<core::v1::Service>()?),
        ("NetworkPolicy", types.add::<networking::v1::NetworkPolicy>()?),
        ("ClusterNetworkPolicy", types.custom("ClusterNetworkPolicy")),
        ("AdminNetworkPolicy", types.custom("AdminNetworkPolicy")),
        ("BaselineAdminNetworkPolicy", types.custom("BaselineAdminNetworkPolicy")),
        ("IsolationRule", types.custom("IsolationRule")),
    ];
    for (name, fields) in custom_types::TYPES {
        let fields = fields.iter().map(|(field, kind)| ((*field).to_owned(), schema_of(kind)));
        types.fields.insert(custom_name(name), fields.collect());
    }
    let numbers: BTreeMap<&str, usize> =
        types.fields.keys().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut out = String::from(
        "//! The fields of the kinds that are read. Made from `k8s-openapi` by \
         `cargo xtask codegen`: do not edit.\n\n\
         use super::Field::*;\nuse super::Type;\nuse crate::manifest::document::Kind;\n\n",
    );
    let write = |out: &mut String, text: String| out.push_str(&text);
    write(
        &mut out,
        "/// The type of an object of a kind, as an index into [`TYPES`].\n".to_owned(),
    );
    write(&mut out, "pub(super) fn root(kind: Kind) -> usize {\n    match kind {\n".to_owned());
    for (kind, name) in &roots {
        let at = numbers.get(name.as_str()).ok_or("a kind without a type")?;
        write(&mut out, format!("        Kind::{kind} => {at},\n"));
    }
    write(
        &mut out,
        "    }\n}\n\n/// Every type, with its fields by their names' lengths, then by name.\n"
            .to_owned(),
    );
    write(
        &mut out,
        format!("#[rustfmt::skip]\npub(super) static TYPES: [Type; {}] = [\n", types.fields.len()),
    );
    for (name, fields) in &types.fields {
        let short = name.rsplit('.').next().unwrap_or(name);
        write!(out, "    Type {{ name: \"{short}\", fields: &[").map_err(|e| e.to_string())?;
        let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
        fields.sort_by_key(|(name, _)| (name.len(), *name));
        for (field, kind) in fields {
            let kind = render(kind, &numbers)?;
            write!(out, "(\"{field}\", {kind}), ").map_err(|e| e.to_string())?;
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    Ok(out)
}

#[derive(Default)]
struct Types {
    fields: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Types {
    /// Adds a type and all that it names; says its name.
    fn add<T: JsonSchema>(&mut self) -> Result<String, String> {
        let schema = schema_for!(T).to_value();
        let title = schema.get("title").and_then(Value::as_str).ok_or("no title")?.to_owned();
        self.keep(&title, &schema);
        let definitions = schema.get("$defs").and_then(Value::as_object);
        for (name, definition) in definitions.into_iter().flatten() {
            self.keep(name, definition);
        }
        Ok(title)
    }

    fn custom(&self, name: &str) -> String {
        custom_name(name)
    }

    fn keep(&mut self, name: &str, schema: &Value) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let fields = properties.iter().map(|(name, field)| (name.clone(), field.clone()));
            self.fields.insert(name.to_owned(), fields.collect());
        }
    }
}

/// The name of a type of a custom resource.
fn custom_name(name: &str) -> String {
    format!("io.k8s.networking.policy.{name}")
}

/// The schema that a word of [`custom_types`] stands for.
fn schema_of(kind: &str) -> Value {
    if let Some(items) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return serde_json::json!({"type": "array", "items": schema_of(items)});
    }
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
    match kind {
        "Text" => serde_json::json!({"type": "string"}),
        "Int32" => serde_json::json!({"type": "integer", "format": "int32"}),
        "Bool" => serde_json::json!({"type": "boolean"}),
        "Any" => serde_json::json!({}),
        "NetworkPolicyPort" | "IPBlock" => {
            serde_json::json!({"$ref": format!("#/$defs/io.k8s.api.networking.v1.{kind}")})
        }
        "ObjectMeta" | "LabelSelector" => {
            serde_json::json!({"$ref": format!("#/$defs/{meta}.{kind}")})
        }
        other => serde_json::json!({"$ref": format!("#/$defs/{}", custom_name(other))}),
    }
}

/// The `Field` of a schema.
fn render(schema: &Value, numbers: &BTreeMap<&str, usize>) -> Result<String, String> {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some(name) = text("$ref").and_then(|name| name.strip_prefix("#/$defs/")) {
        return Ok(match name.rsplit('.').next() {
            Some("IntOrString") => "IntOrString".to_owned(),
            Some("Quantity") => "Quantity".to_owned(),
            Some("Time" | "MicroTime") => "Text".to_owned(),
            _ => match numbers.get(name) {
                Some(at) => format!("Struct({at})"),
                None => "Any".to_owned(),
            },
        });
    }
    if let Some(all) = schema.get("allOf").and_then(Value::as_array)
        && let [one] = all.as_slice()
    {
        return render(one, numbers);
    }
    match (text("type"), text("format")) {
        (Some("string"), _) => Ok("Text".to_owned()),
        (Some("boolean"), _) => Ok("Bool".to_owned()),
        (Some("integer"), Some("int32")) => Ok("Int32".to_owned()),
        (Some("integer"), _) => Ok("Int64".to_owned()),
        (Some("array"), _) => {
            let items = schema.get("items").ok_or("an array without items")?;
            Ok(format!("List(&{})", render(items, numbers)?))
        }
        (Some("object"), _) => match schema.get("additionalProperties") {
            Some(values) => Ok(format!("Map(&{})", render(values, numbers)?)),
            None => Ok("Any".to_owned()),
        },
        _ => Ok("Any".to_owned()),
    }
}
