//! The binary, as a person or a script uses it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::process::{Command, Stdio};

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn netverdict(arguments: &[&str], input: &str) -> Run {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut child = Command::new(env!("CARGO_BIN_EXE_netverdict"))
        .args(arguments)
        .current_dir(root)
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const AFTER: &str = "examples/payments/after";
const SERVICE: &str = "svc/payments/payment-service:443";

#[test]
fn exit_codes_of_flow() {
    let code =
        |from: &str, to: &str| netverdict(&["flow", AFTER, "--from", from, "--to", to], "").code;
    assert_eq!(code("frontend/api", SERVICE), 0);
    assert_eq!(code("frontend/web", SERVICE), 1);
    assert_eq!(code("frontend/nobody", SERVICE), 2);
    assert_eq!(code("frontend/api", "payments/payment-service"), 4);
    let open = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {hostNetwork: true}}\n---\n\
                {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x}}\n---\n\
                {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, \
                 spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}}\n";
    let run = netverdict(&["flow", "-", "--from", "x/a", "--to", "x/b", "--port", "80"], open);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("C13") && run.out.contains("calico"), "{}", run.out);
    assert_eq!(netverdict(&["flow", "no/such/folder", "--from", "a/b", "--to", "c/d"], "").code, 2);
    assert_eq!(netverdict(&["flow"], "").code, 2);
}

#[test]
fn the_model_case() {
    let run = netverdict(&["flow", AFTER, "--from", "frontend/web", "--to", SERVICE], "");
    insta::assert_snapshot!("flow-deny", run.out);
    let run = netverdict(&["flow", AFTER, "--from", "frontend/api", "--to", SERVICE], "");
    insta::assert_snapshot!("flow-allow", run.out);
    insta::assert_snapshot!("matrix", netverdict(&["matrix", AFTER], "").out);
    insta::assert_snapshot!("matrix-csv", netverdict(&["matrix", AFTER, "-o", "csv"], "").out);
    insta::assert_snapshot!("matrix-json", netverdict(&["matrix", AFTER, "-o", "json"], "").out);
    insta::assert_snapshot!(
        "matrix-markdown",
        netverdict(&["matrix", AFTER, "-o", "markdown"], "").out
    );
    insta::assert_snapshot!("isolation", netverdict(&["isolation", AFTER], "").out);
    insta::assert_snapshot!(
        "isolation-csv",
        netverdict(&["isolation", AFTER, "-o", "csv"], "").out
    );
    let run =
        netverdict(&["flow", AFTER, "--from", "frontend/web", "--to", SERVICE, "-o", "json"], "");
    insta::assert_snapshot!("flow-json", run.out);
}

#[test]
fn a_page_shows_what_the_readme_shows() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let run = netverdict(&["flow", AFTER, "--from", "frontend/web", "--to", SERVICE], "");
    assert!(readme.contains(run.out.trim()), "the README's first output is not current");
    let run = netverdict(&["matrix", AFTER], "");
    assert!(readme.contains(run.out.trim()), "the README's matrix is not current");
}

/// The commands that a page shows, each with the output that it shows.
fn shown(page: &str) -> Vec<(String, String)> {
    let path = format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```text\n$ netverdict ").skip(1);
    let of_block = |block: &str| {
        let (command, output) = block.split("```").next().unwrap().split_once('\n').unwrap();
        (command.to_owned(), output.trim_end().to_owned())
    };
    blocks.map(of_block).collect()
}

#[test]
fn the_example_of_the_admin_tiers_shows_what_is_said() {
    let all = shown("examples/admin-tiers/README.md");
    assert_eq!(all.len(), 6);
    for (command, output) in all.iter().filter(|(command, _)| !command.starts_with("isolation")) {
        let run = netverdict(&command.split(' ').collect::<Vec<&str>>(), "");
        assert_eq!(run.err, "", "{command}");
        assert_eq!(run.out.trim_end(), output, "{command}");
    }
}

#[test]
fn the_example_of_the_admin_tiers_shows_who_is_isolated() {
    let all = shown("examples/admin-tiers/README.md");
    let (command, output) = all.last().unwrap();
    assert!(command.starts_with("isolation"));
    let run = netverdict(&command.split(' ').collect::<Vec<&str>>(), "");
    assert_eq!(run.out.trim_end(), output);
}

#[test]
fn what_fails_closed_is_said_to_count() {
    let text = "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: odd}, \
                spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{who: {}}]}]}}\n---\n\
                {apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: nobody}, \
                spec: {tier: Admin, priority: 2, subject: {namespaces: {matchExpressions: [{key: a, operator: In}]}}}}\n---\n\
                {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, status: {podIPs: [{ip: 10.0.0.1}]}}\n";
    let run =
        netverdict(&["flow", "-", "--from", "203.0.113.7", "--to", "x/a", "--port", "80"], text);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("it fails closed"), "{}", run.out);
    let says = |words: &str, name: &str| {
        run.err.lines().any(|line| line.contains(words) && line.contains(name))
    };
    assert!(says("counted all the same", "ClusterNetworkPolicy odd"), "{}", run.err);
    assert!(says("left out of every answer", "ClusterNetworkPolicy nobody"), "{}", run.err);
    assert_eq!(netverdict(&["isolation", "-", "--strict"], text).code, 2);
}

/// A cluster in which each tier has something to say that is open.
const OPEN_TIERS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: a}}, status: {podIPs: [{ip: 10.0.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {app: b}}, status: {podIPs: [{ip: 10.0.0.2}]}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: out}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {}}
  egress:
  - {name: api, action: Accept, to: [{domainNames: [api.example.com]}]}
  - {name: rest, action: Deny, to: [{networks: [0.0.0.0/0]}]}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: old}
spec:
  priority: 5
  subject: {namespaces: {}}
  egress: [{action: Allow, to: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: b}}}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: base}
spec: {tier: Baseline, priority: 5, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Egress], egress: [{}]}
";

#[test]
fn what_is_open_in_the_tiers_is_said() {
    let flow = |to: &str, more: &[&str]| {
        let mut arguments = vec!["flow", "-", "--from", "x/a", "--to", to, "--port", "443"];
        arguments.extend(more);
        netverdict(&arguments, OPEN_TIERS).out
    };
    insta::assert_snapshot!("tiers-domain-names", flow("203.0.113.7", &[]));
    insta::assert_snapshot!("tiers-equal-rank", flow("x/b", &[]));
    insta::assert_snapshot!(
        "tiers-baseline-not-reached",
        flow("x/b", &["--profile", "kube-network-policies"])
    );
    insta::assert_snapshot!("tiers-json", flow("203.0.113.7", &["-o", "json"]));
}

#[test]
fn a_stream_of_queries() {
    let queries = "{\"from\":\"frontend/api\",\"to\":\"payments/payment-service\",\"port\":443}\n\
                   \n\
                   {\"from\":\"frontend/web\",\"to\":\"payments/payment-service\",\"port\":\"https\",\"protocol\":\"TCP\"}\n";
    let run = netverdict(&["flow", AFTER, "--queries", "-", "--no-why"], queries);
    assert_eq!(run.code, 0, "{}", run.err);
    let lines: Vec<serde_json::Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["verdict"], "allow");
    assert_eq!(lines[1]["verdict"], "deny");
    assert_eq!(lines[1]["port"], "https");
    assert!(lines[0].get("why").is_none());
    let run = netverdict(
        &["flow", AFTER, "--queries", "-"],
        "{\"from\":\"a\"}\n{\"from\":\"x/y\",\"to\":\"frontend/web\"}\nnonsense\n",
    );
    assert_eq!(run.code, 2);
    assert_eq!(run.out.lines().filter(|line| line.contains("\"error\"")).count(), 3);
}

#[test]
fn what_is_refused_is_said() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: bad, namespace: x}, \
                spec: {podSelector: {matchLabels: {on: yes}}}}\n---\n\
                {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n---\n\
                {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, colour: red}}\n";
    let run = netverdict(&["validate", "-"], text);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!("validate", run.out);
    let run = netverdict(&["validate", "-", "-o", "json"], text);
    insta::assert_snapshot!("validate-json", run.out);
    let run = netverdict(&["isolation", "-"], text);
    assert_eq!(run.code, 0);
    assert!(
        run.err.contains("NetworkPolicy x/bad") && run.err.contains("1 ConfigMap"),
        "{}",
        run.err
    );
    assert_eq!(netverdict(&["isolation", "-", "--quiet"], text).err, "");
    assert_eq!(netverdict(&["isolation", "-", "--strict"], text).code, 2);
    let fine = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, colour: red}}";
    assert_eq!(netverdict(&["validate", "-"], fine).code, 0);
    assert_eq!(netverdict(&["validate", "-", "--strict"], fine).code, 1);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let plain = netverdict(&["matrix", AFTER], "").out;
    assert!(!plain.contains('\u{1b}'));
    let coloured = netverdict(&["matrix", AFTER, "--color", "always"], "").out;
    assert!(coloured.contains('\u{1b}'));
}

#[test]
fn helps() {
    let run = netverdict(&["completions", "bash"], "");
    assert!(run.code == 0 && run.out.contains("netverdict"));
    let schema: serde_json::Value = serde_json::from_str(&netverdict(&["schema"], "").out).unwrap();
    assert_eq!(schema["title"], "netverdict.dev/v1alpha1");
    for command in ["flow", "validate", "matrix", "isolation", "check", "schema"] {
        let run = netverdict(&[command, "--help"], "");
        assert!(run.code == 0 && run.out.contains("Example"), "{command}");
    }
}

/// Workloads in namespaces, closed and opened by a few policies.
fn many(workloads: usize) -> String {
    let mut text = String::new();
    for at in 0..workloads {
        let namespace = at % (workloads / 8 + 1);
        text += &format!(
            "---\n{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: app-{at}, namespace: ns-{namespace}}}, \
             spec: {{template: {{metadata: {{labels: {{app: app-{at}, tier: t{}}}}}, spec: {{containers: [{{name: c}}]}}}}}}}}\n",
            at % 3
        );
    }
    for namespace in 0..=workloads / 8 {
        text += &format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: ns-{namespace}}}, \
             spec: {{podSelector: {{matchLabels: {{tier: t1}}}}, ingress: [{{from: [{{namespaceSelector: {{}}, \
             podSelector: {{matchLabels: {{tier: t0}}}}}}], ports: [{{port: 80}}]}}]}}}}\n"
        );
    }
    text
}

#[test]
fn a_matrix_folds() {
    for size in [10, 100, 1_000] {
        let run = netverdict(&["matrix", "-"], &many(size));
        assert!(run.out.lines().count() <= 200, "{size}: {} lines", run.out.lines().count());
        insta::assert_snapshot!(format!("matrix-of-{size}"), run.out);
    }
}
