//! `netverdict check`, as CI runs it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn run_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netverdict"));
    command.args(arguments).current_dir(folder).env_remove("GITHUB_STEP_SUMMARY");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn check(arguments: &[&str]) -> Run {
    run_in(&root(), &[&["check"], arguments].concat(), &[])
}

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const AFTER: &str = "examples/payments/after";
const RULES: &str = "examples/payments/rules";
const PULL: &str = "examples/payments/pull-request";
const CHANGE: [&str; 6] = ["--base", AFTER, "--base", RULES, PULL, RULES];

fn change(format: &str) -> Run {
    check(&[&CHANGE[..], &["-o", format]].concat())
}

#[test]
fn the_model_case() {
    let run = change("text");
    assert_eq!(run.code, 1, "{}", run.err);
    insta::assert_snapshot!("text", run.out);
    assert!(run.out.contains("frontend/web") && run.out.contains("payments/batch"));
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(run.out.trim()), "the README's check is not current");
    insta::assert_snapshot!("json", change("json").out);
    insta::assert_snapshot!("github", change("github").out);
    insta::assert_snapshot!("markdown", change("markdown").out);
    insta::assert_snapshot!("sarif", change("sarif").out);
    let fine = check(&[AFTER, RULES]);
    assert_eq!(fine.code, 0);
    insta::assert_snapshot!("text-of-after", fine.out);
    // The same world before and after brings in nothing.
    let same = check(&["--base", PULL, "--base", RULES, PULL, RULES, "--fail-on", "info"]);
    assert_eq!(same.code, 0, "{}", same.out);
    assert!(same.out.starts_with("nothing is introduced by this change; 1 error, 1 warning were"));
}

#[test]
fn what_fails() {
    let code = |more: &[&str]| check(&[&[AFTER, RULES], more].concat()).code;
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&["--fail-on", "warning"]), 1);
    assert_eq!(code(&["--fail-on", "never"]), 0);
    assert_eq!(check(&[&CHANGE[..], &["--fail-on", "never"]].concat()).code, 0);
    assert_eq!(check(&["no/such/folder"]).code, 2);
    assert_eq!(code(&["--fail-on", "sometimes"]), 2);
    assert_eq!(code(&["--git", "no-such-revision"]), 2);
    assert_eq!(code(&["--git", "HEAD", "--base", AFTER]), 2);
}

#[test]
fn sarif_is_sarif() {
    let schema = std::fs::read(root().join("tests/schemas/sarif-schema-2.1.0.json")).unwrap();
    let mut schema: Value = serde_json::from_slice(&schema).unwrap();
    // A pattern with a `]` too many, which is no regular expression to a strict reader.
    for of in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{of}/properties/language"));
        assert!(language.unwrap().as_object_mut().unwrap().remove("pattern").is_some());
    }
    let schema = jsonschema::validator_for(&schema).unwrap();
    let broken = "tests/broken";
    for (arguments, least) in [(&CHANGE[..], 1), (&[AFTER, RULES][..], 1), (&[broken][..], 20)] {
        let text = check(&[arguments, &["-o", "sarif", "--quiet"]].concat()).out;
        let log: Value = serde_json::from_str(&text).unwrap();
        let wrong: Vec<String> = schema
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(results.len() >= least, "{}", results.len());
        // What code scanning wants of a rule, and of a result.
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                let text = rule[text]["text"].as_str().unwrap();
                assert!(!text.is_empty() && text.len() <= 1_024, "{rule}");
            }
            let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
            assert!(["error", "warning", "note"].contains(&level));
        }
        let mut fingerprints = std::collections::BTreeSet::new();
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.starts_with('/') && !uri.contains(' '), "{uri}");
            assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
            let region = &place["region"];
            let number = |key: &str| region[key].as_u64().unwrap();
            assert!(number("startLine") >= 1 && number("startColumn") >= 1);
            assert_eq!(number("startLine"), number("endLine"));
            assert!(number("startColumn") <= number("endColumn"), "{region}");
            let print = result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap();
            assert!(fingerprints.insert(print.to_owned()), "{print} twice");
        }
    }
}

#[test]
fn a_result_stays_the_same_where_lines_move() {
    let prints = |folder: &Path| {
        let text = run_in(folder, &["check", ".", "-o", "sarif", "-q"], &[]).out;
        let log: Value = serde_json::from_str(&text).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        let of = |result: &Value| {
            let line = result["locations"][0]["physicalLocation"]["region"]["startLine"].clone();
            (result["partialFingerprints"].clone(), line)
        };
        results.iter().map(of).collect::<Vec<_>>()
    };
    let folder = folder("lines");
    let rules = std::fs::read_to_string(root().join(RULES).join("pci.yaml")).unwrap();
    std::fs::write(folder.join("rules.yaml"), rules).unwrap();
    let text = std::fs::read_to_string(root().join(PULL).join("payments.yaml")).unwrap();
    std::fs::write(folder.join("payments.yaml"), &text).unwrap();
    let before = prints(&folder);
    std::fs::write(folder.join("payments.yaml"), format!("# one\n# two\n\n{text}")).unwrap();
    let after = prints(&folder);
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].0, after[0].0);
    assert_eq!(before[0].1.as_u64().unwrap() + 3, after[0].1.as_u64().unwrap());
}

#[test]
fn against_a_git_revision() {
    let folder = folder("git");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .current_dir(&folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let copy = |from: &str, to: &str| {
        let target = folder.join(to);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(root().join(from), target).unwrap();
    };
    git(&["init", "-q"]);
    copy("examples/payments/after/payments.yaml", "manifests/payments.yaml");
    copy("examples/payments/rules/pci.yaml", "rules/pci.yaml");
    copy("examples/payments/rules/storefront.yaml", "rules/storefront.yaml");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "as agreed"]);
    let check = |more: &[&str]| {
        let paths = ["check", "--git", "HEAD", "manifests", "rules"];
        run_in(&folder, &[&paths[..], more].concat(), &[])
    };
    let run = check(&[]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    copy("examples/payments/pull-request/payments.yaml", "manifests/payments.yaml");
    let run = check(&[]);
    assert_eq!(run.code, 1, "{}", run.err);
    insta::assert_snapshot!("git", run.out);
    // In a folder of the repository, names are its own and resources those of the repository.
    let below = folder.join("manifests");
    let arguments = ["check", "--git", "HEAD", ".", "../rules", "-o", "github"];
    let run = run_in(&below, &arguments, &[]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with("::error file=manifests/payments.yaml,line=136,"), "{}", run.out);
    // A rule that comes with the change is new with all that breaks it.
    git(&["rm", "-q", "--cached", "rules/pci.yaml"]);
    git(&["commit", "-q", "-a", "-m", "without the rule"]);
    let run = check(&[]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("1 error, introduced by this change"), "{}", run.out);
}

#[test]
fn settings_of_a_team() {
    let folder = folder("settings");
    let below = folder.join("deploy/team");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    for (from, to) in [
        ("after/payments.yaml", "payments.yaml"),
        ("rules/pci.yaml", "pci.yaml"),
        ("rules/storefront.yaml", "storefront.yaml"),
    ] {
        std::fs::copy(root().join("examples/payments").join(from), folder.join(to)).unwrap();
    }
    std::fs::create_dir_all(folder.join("vendor")).unwrap();
    std::fs::write(folder.join("vendor/broken.yaml"), "]\n").unwrap();
    let settings = |text: &str| std::fs::write(folder.join("netverdict.toml"), text).unwrap();
    let check = |more: &[&str]| run_in(&below, &[&["check"], more].concat(), &[]);

    settings("paths = [\".\"]\nexclude = [\"vendor\"]\nfail-on = \"warning\"\n");
    let run = check(&[]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("1 warning; 3 of 4 rules hold\n"), "{}", run.out);
    assert!(run.out.contains("../../storefront.yaml:"), "{}", run.out);
    assert_eq!(check(&["--fail-on", "error"]).code, 0);
    settings("paths = \".\"\nexclude = \"vend*\"\n[levels]\nmetadata-address-closed = \"off\"\n");
    let run = check(&["--fail-on", "info"]);
    assert_eq!((run.code, run.out.as_str()), (0, "nothing was found; 3 of 4 rules hold\n"));
    settings("paths = \".\"\n");
    assert_eq!(check(&[]).code, 1);
    assert_eq!(check(&["--no-config"]).code, 2);
    assert_eq!(check(&["--no-config", "../../payments.yaml"]).code, 0);
    settings("paths = \".\"\nprofil = \"calico\"\nfail-on = \"warn\"\n");
    let run = check(&[]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!("settings-mistakes", run.err);
    std::fs::write(folder.join("other.toml"), "paths = [\"pci.yaml\", \"payments.yaml\"]\n")
        .unwrap();
    let run = check(&["--config", "../../other.toml"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "nothing was found; 2 rules hold\n"),
        "{}",
        run.err
    );
}

#[test]
fn the_settings_that_are_shown() {
    let run = check(&["--config", "examples/netverdict.toml"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.starts_with("info[metadata-address-closed]"), "{}", run.out);
    assert!(run.out.ends_with("1 hint; 3 of 4 rules hold\n"), "{}", run.out);
}

#[test]
fn a_runner_has_a_summary() {
    let folder = folder("runner");
    let summary = folder.join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let environment = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let run = run_in(&root(), &[&["check"], &CHANGE[..], &["-o", "github"]].concat(), &environment);
    assert_eq!(run.code, 1);
    let written = std::fs::read_to_string(&summary).unwrap();
    assert_eq!(written, format!("before\n{}", change("markdown").out));
}

#[test]
fn the_checklist() {
    let run = check(&[AFTER, "examples/checklist", "--fail-on", "error"]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!("checklist", run.out);
}

#[test]
fn other_commands_pass_rules_over() {
    let both = |command: &[&str]| {
        let with = run_in(&root(), &[command, &[AFTER, RULES]].concat(), &[]);
        let without = run_in(&root(), &[command, &[AFTER]].concat(), &[]);
        assert_eq!((with.code, &with.out, &with.err), (without.code, &without.out, &without.err));
    };
    both(&["matrix"]);
    both(&["isolation"]);
    both(&["flow", "--from", "frontend/web", "--to", "payments/db", "--port", "5432"]);
    let run = run_in(&root(), &["validate", RULES, "-o", "json"], &[]);
    let lines: Vec<Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((run.code, lines.len()), (0, 4));
    assert!(lines.iter().all(|line| line["kind"] == "IsolationRule" && line["accepted"] == true));
    assert_eq!(lines[2]["spec"]["require"]["reach"], "All");
}

#[test]
fn what_is_read_is_checked() {
    let folder = folder("reading");
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: bad, namespace: x}, \
                spec: {podSelector: {matchLabels: {on: yes}}}}\n---\n\
                {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n---\n\
                {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, colour: red}}\n";
    std::fs::write(folder.join("a.yaml"), text).unwrap();
    let run = run_in(&folder, &["check", "a.yaml"], &[]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!("reading", run.out);
    assert_eq!(run.err, "netverdict: not read: 1 ConfigMap\n");
    let run = run_in(&folder, &["check", "a.yaml", "--strict", "-q", "-o", "json"], &[]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["counts"]["errors"], run.err.as_str()), (&Value::from(2), ""));
    std::fs::write(folder.join("b.yaml"), b"\xff\xfe").unwrap();
    assert_eq!(run_in(&folder, &["check", "."], &[]).code, 2);
    let run = run_in(&folder, &["check", "--base", ".", "a.yaml"], &[]);
    assert!(run.code == 2 && run.err.contains("b.yaml of the side before"), "{}", run.err);
}

#[test]
fn schemas() {
    let schema = |which: &str| run_in(&root(), &["schema", which], &[]).out;
    let rule: Value = serde_json::from_str(&schema("rule")).unwrap();
    assert_eq!(rule["title"], "IsolationRule");
    assert!(schema("crd").contains("kind: CustomResourceDefinition"));
    assert_eq!(schema("wire"), run_in(&root(), &["schema"], &[]).out);
}
