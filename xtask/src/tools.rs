//! Tools that are not part of the toolchain: pinned, installed once into a cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ci::run;

/// Where tools and targets outlive a checkout.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    folder("NETVERDICT_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("netverdict")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/netverdict")))
        .ok_or_else(|| "neither NETVERDICT_CACHE nor HOME is set".to_owned())
}

/// A tool of a version, installed if it is not there.
pub(crate) fn tool(name: &str, version: &str) -> Result<PathBuf, String> {
    let root = cache()?.join("tools").join(format!("{name}-{version}"));
    let binary = root.join("bin").join(name);
    if !binary.exists() {
        println!("installing {name} {version}, once");
        run(Command::new("cargo")
            .args(["install", "--quiet", "--locked", "--version", version, name, "--root"])
            .arg(&root)
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO"))?;
    }
    Ok(binary)
}

/// Licences, sources and duplicates of what we build on; advisories where their database can be
/// fetched.
pub(crate) fn deny(root: &Path) -> Result<(), String> {
    let deny = tool("cargo-deny", DENY)?;
    let check = |what: &[&str]| {
        run(Command::new(&deny)
            .args(["--log-level", "error", "check"])
            .args(what)
            .current_dir(root))
    };
    check(&["bans", "licenses", "sources"])?;
    let fetched = Command::new(&deny)
        .args(["--log-level", "off", "fetch", "db"])
        .current_dir(root)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    if fetched.is_ok_and(|status| status.success()) {
        check(&["advisories"])
    } else {
        println!("advisories were not checked: their database cannot be fetched from here");
        Ok(())
    }
}

const DENY: &str = "0.20.2";
