//! The core as wasm: it builds, and asks nothing of its host.

use std::path::Path;
use std::process::Command;

use crate::ci::run;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the probe for wasm and checks that the module imports nothing.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let output = Command::new(root.join("tools/wasm-target"))
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("tools/wasm-target: {error}"))?;
    if !output.status.success() {
        return Err(format!("tools/wasm-target: {}", output.status));
    }
    let toolchain = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let metadata = crate::ci::command(root, &["metadata", "--format-version=1", "--no-deps"])
        .output()
        .map_err(|error| error.to_string())?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).map_err(|error| error.to_string())?;
    let target = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    let target = Path::new(target.ok_or("no target directory")?).join("wasm");
    run(Command::new("rustup")
        .args(["run", &toolchain, "cargo", "build", "--quiet", "--release", "--target", TARGET])
        .args(["-p", "netverdict-wasm-probe"])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .current_dir(root))?;
    let module = target.join(TARGET).join("release/netverdict_wasm_probe.wasm");
    let bytes = std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    let imports = imports(&bytes).ok_or("the module cannot be read")?;
    println!("policy-core as wasm: {} bytes, {imports} imports", bytes.len());
    if imports == 0 { Ok(()) } else { Err(format!("the module has {imports} imports")) }
}

/// How many things a module imports: its import section's count.
fn imports(bytes: &[u8]) -> Option<u32> {
    let mut at = bytes.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((&id, rest)) = at.split_first() {
        let (length, rest) = leb(rest)?;
        let body = rest.get(..length as usize)?;
        if id == 2 {
            return leb(body).map(|(count, _)| count);
        }
        at = rest.get(length as usize..)?;
    }
    Some(0)
}

/// A number as wasm writes it.
fn leb(mut bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (mut number, mut shift) = (0_u32, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        bytes = rest;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((number, bytes));
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_imports() {
        let head = b"\0asm\x01\0\0\0".to_vec();
        assert_eq!(imports(&head), Some(0));
        let one = [head.as_slice(), &[1, 1, 0, 2, 3, 2, 0, 0]].concat();
        assert_eq!(imports(&one), Some(2));
        assert_eq!(imports(b"no module"), None);
    }
}
