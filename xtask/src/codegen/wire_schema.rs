//! The JSON Schema of what goes in and out of `wire::handle`.

use policy_core::wire::{Request, Response};
use schemars::JsonSchema;

/// A request or a response: what the schema is of.
#[derive(JsonSchema)]
#[schemars(title = "netverdict.dev/v1alpha1")]
#[expect(dead_code, reason = "only its schema is made")]
struct Wire {
    /// What a host asks.
    request: Request,
    /// What comes back.
    response: Response,
}

/// The text of `policy-core/schema/v1alpha1.json`.
pub(crate) fn generate() -> Result<String, String> {
    let schema = schemars::schema_for!(Wire);
    let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    Ok(format!("{text}\n"))
}
