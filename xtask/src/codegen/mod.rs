//! Files that are made, and checked in.

mod custom_types;
mod rule_schema;
mod schema_table;
mod wire_schema;

use std::path::Path;

type Generator = fn() -> Result<String, String>;

/// Each file that is made, and what makes it.
const FILES: [(&str, Generator); 4] = [
    ("policy-core/src/manifest/schema/table.rs", schema_table::generate),
    ("policy-core/schema/v1alpha1.json", wire_schema::generate),
    ("policy-core/schema/isolationrule.schema.json", rule_schema::json_schema),
    ("policy-core/schema/isolationrules.netverdict.dev.crd.yaml", rule_schema::crd),
];

/// Makes every file, or says which are not as they would be made.
pub(crate) fn run(root: &Path, check: bool) -> Result<(), String> {
    for (name, generate) in FILES {
        let path = root.join(name);
        let now = generate().map_err(|error| format!("{name}: {error}"))?;
        if std::fs::read_to_string(&path).is_ok_and(|before| before == now) {
            continue;
        }
        if check {
            return Err(format!("{name} is not current: run `cargo xtask codegen`"));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| format!("{name}: {error}"))?;
        }
        std::fs::write(&path, now).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}
