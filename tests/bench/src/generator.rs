//! Clusters from a seed: the same numbers give the same bytes.

use std::fmt::Write;

use crate::admin;
use crate::random::Random;

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Pods.
    pub(crate) pods: usize,
    /// NetworkPolicies.
    pub(crate) policies: usize,
    /// Policies of administrators.
    pub(crate) admin: usize,
    /// Namespaces.
    pub(crate) namespaces: usize,
    /// Whether every pod has a label of its own under a key that some selector asks for.
    pub(crate) all_unlike: bool,
}

impl Size {
    /// A cluster of so many pods and policies, and a namespace for every 200 pods.
    pub(crate) fn new(pods: usize, policies: usize) -> Size {
        Size { pods, policies, admin: 0, namespaces: (pods / 200).max(5), all_unlike: false }
    }
}

/// A workload: an app in a namespace.
struct Workload {
    namespace: usize,
    app: usize,
    tier: &'static str,
    replicas: usize,
}

const TIERS: [&str; 4] = ["web", "api", "worker", "db"];
pub(crate) const TEAMS: usize = 24;

/// The objects of a cluster as JSON texts, one each; the policies last.
pub(crate) fn objects(size: Size, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let workloads = workloads(size, &mut random);
    let mut objects = Vec::with_capacity(size.pods + size.policies + size.namespaces);
    for namespace in 0..size.namespaces {
        let team = namespace % TEAMS;
        let env = ["prod", "prod", "stage", "dev"].get(namespace % 4).copied().unwrap_or("dev");
        objects.push(format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"ns-{namespace}","labels":{{"team":"team-{team}","env":"{env}"}}}}}}"#
        ));
    }
    let nodes = (size.pods / 60).max(3);
    for node in 0..nodes {
        let (a, b) = (node / 256, node % 256);
        objects.push(format!(
            r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{node}","labels":{{"zone":"z{}"}}}},"spec":{{"podCIDRs":["10.0.0.0/8"]}},"status":{{"addresses":[{{"type":"InternalIP","address":"172.16.{a}.{b}"}}]}}}}"#,
            node % 3
        ));
    }
    let mut pod = 0_usize;
    for workload in &workloads {
        for replica in 0..workload.replicas {
            objects.push(pod_text(workload, replica, pod, nodes, size, &mut random));
            pod += 1;
        }
    }
    for index in 0..size.policies {
        objects.push(policy_text(index, size, &workloads, &mut random));
    }
    // By a seed of their own: the rest of the cluster is the same with and without them.
    objects.extend(admin::policies(size.admin, seed + 2));
    objects
}

fn workloads(size: Size, random: &mut Random) -> Vec<Workload> {
    let mut workloads = Vec::new();
    let mut left = size.pods;
    let mut app = 0;
    while left > 0 {
        // Most workloads are small, a few have hundreds of replicas.
        let replicas = match random.below(100) {
            0..60 => 1 + random.below(3),
            60..90 => 2 + random.below(6),
            90..99 => 10 + random.below(30),
            _ => 50 + random.below(300),
        };
        let replicas = replicas.min(left).min(size.pods / 5 + 1);
        // Namespaces differ in size, too.
        let one = random.below(size.namespaces);
        let namespace = one.min(random.below(size.namespaces));
        let tier = TIERS.get(random.below(TIERS.len())).copied().unwrap_or("web");
        workloads.push(Workload { namespace, app, tier, replicas });
        left -= replicas;
        app += 1;
    }
    workloads
}

fn pod_text(
    workload: &Workload,
    replica: usize,
    pod: usize,
    nodes: usize,
    size: Size,
    random: &mut Random,
) -> String {
    let Workload { namespace, app, tier, .. } = workload;
    let hash = format!("{:x}", (app * 2_654_435_761) % 0xffff_ffff);
    let port = 8000 + app % 50;
    let node = random.below(nodes);
    let (a, b, c) = (pod >> 16 & 0xff, pod >> 8 & 0xff, pod & 0xff);
    let own = if size.all_unlike { format!(r#","shard":"s{pod}""#) } else { String::new() };
    let host = if app % 97 == 0 { r#""hostNetwork":true,"# } else { "" };
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"app-{app}-{hash}-{replica}","namespace":"ns-{namespace}","uid":"00000000-0000-4000-8000-{pod:012}","labels":{{"app":"app-{app}","tier":"{tier}","version":"v{}","pod-template-hash":"{hash}","instance":"i{pod}"{own}}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"app-{app}-{hash}","uid":"1","controller":true}}]}},"spec":{{{host}"nodeName":"node-{node}","serviceAccountName":"default","containers":[{{"name":"main","image":"registry.example/app-{app}:1.{}","args":["--listen=:{port}","--log=info"],"env":[{{"name":"A","value":"1"}},{{"name":"B","valueFrom":{{"fieldRef":{{"fieldPath":"metadata.name"}}}}}}],"ports":[{{"name":"http","containerPort":{port}}},{{"name":"metrics","containerPort":9090}}],"resources":{{"requests":{{"cpu":"100m","memory":"128Mi"}}}}}}]}},"status":{{"phase":"Running","podIP":"10.{a}.{b}.{c}","podIPs":[{{"ip":"10.{a}.{b}.{c}"}}]}}}}"#,
        app % 3,
        app % 9
    )
}

fn policy_text(index: usize, size: Size, workloads: &[Workload], random: &mut Random) -> String {
    let chosen = workloads.get(random.below(workloads.len().max(1)));
    let (namespace, app, tier) =
        chosen.map_or((0, 0, "web"), |one| (one.namespace, one.app, one.tier));
    let team = random.below(TEAMS);
    let other = workloads.get(random.below(workloads.len().max(1))).map_or(0, |one| one.app);
    let port = 8000 + app % 50;
    let app_selector = format!(r#"{{"matchLabels":{{"app":"app-{app}"}}}}"#);
    let all_unlike = size.all_unlike && index == 0;
    let spec = match random.below(100) {
        _ if all_unlike => {
            r#""podSelector":{"matchExpressions":[{"key":"shard","operator":"Exists"}]},"ingress":[{"from":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"shard":"s1"}}}]}]"#.to_owned()
        }
        0..12 => r#""podSelector":{},"policyTypes":["Ingress"]"#.to_owned(),
        12..45 => format!(
            r#""podSelector":{app_selector},"ingress":[{{"from":[{{"podSelector":{{"matchLabels":{{"app":"app-{other}"}}}}}},{{"podSelector":{{"matchLabels":{{"tier":"api"}}}}}}],"ports":[{{"port":{port}}}]}}]"#
        ),
        45..65 => format!(
            r#""podSelector":{app_selector},"ingress":[{{"from":[{{"namespaceSelector":{{"matchLabels":{{"team":"team-{team}"}}}},"podSelector":{{"matchLabels":{{"tier":"{tier}"}}}}}}],"ports":[{{"port":"http"}}]}}]"#
        ),
        65..75 => format!(
            r#""podSelector":{{"matchExpressions":[{{"key":"tier","operator":"In","values":["{tier}","cache"]}}]}},"ingress":[{{"from":[{{"namespaceSelector":{{"matchExpressions":[{{"key":"env","operator":"NotIn","values":["dev"]}}]}},"podSelector":{{"matchLabels":{{"app":"app-{other}"}}}}}}]}}]"#
        ),
        75..82 => format!(
            r#""podSelector":{app_selector},"ingress":[{{"from":[{{"ipBlock":{{"cidr":"192.{}.0.0/16","except":["192.{}.{}.0/24"]}}}}],"ports":[{{"port":{port},"endPort":{}}}]}}]"#,
            index % 256, index % 256, index / 256 % 256, port + 10
        ),
        82..88 => r#""podSelector":{},"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"ns-0"}}}],"ports":[{"port":"metrics"}]}]"#.to_owned(),
        88..94 => format!(
            r#""podSelector":{app_selector},"policyTypes":["Egress"],"egress":[{{"to":[{{"namespaceSelector":{{"matchLabels":{{"kubernetes.io/metadata.name":"ns-0"}}}}}}],"ports":[{{"port":53,"protocol":"UDP"}},{{"port":53}}]}},{{"to":[{{"podSelector":{{"matchLabels":{{"app":"app-{other}"}}}}}}]}}]"#
        ),
        _ => format!(
            r#""podSelector":{{"matchLabels":{{"tier":"{tier}"}}}},"policyTypes":["Egress"],"egress":[{{"to":[{{"ipBlock":{{"cidr":"0.0.0.0/0","except":["10.0.0.0/8","169.254.169.254/32"]}}}}],"ports":[{{"port":443}}]}},{{"to":[{{"namespaceSelector":{{"matchLabels":{{"team":"team-{team}"}}}}}}]}}]"#
        ),
    };
    format!(
        r#"{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"p-{index}","namespace":"ns-{namespace}"}},"spec":{{{spec}}}}}"#
    )
}

/// Objects as one List.
pub(crate) fn as_list(objects: &[String]) -> String {
    let mut text = String::from("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n");
    for (at, object) in objects.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { ",\n" });
        text.push_str(object);
    }
    text.push_str("\n]}\n");
    text
}

/// Objects as a stream of YAML documents, in blocks as people write them.
pub(crate) fn as_yaml(objects: &[String]) -> String {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        if let Ok(value) = serde_json::from_str(object) {
            write_block(&mut text, &value, 0);
        }
    }
    text
}

fn write_block(text: &mut String, value: &serde_json::Value, indent: usize) {
    use serde_json::Value;
    let pad = |text: &mut String, indent: usize| text.push_str(&" ".repeat(indent));
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pad(text, indent);
                let _ = write!(text, "{key}:");
                inner(text, value, indent + 2);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(text, indent);
                text.push_str("-\n");
                write_block(text, item, indent + 2);
            }
        }
        scalar => {
            pad(text, indent);
            let _ = writeln!(text, "{scalar}");
        }
    }
}

fn inner(text: &mut String, value: &serde_json::Value, indent: usize) {
    use serde_json::Value;
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write_block(text, value, indent);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_block(text, value, indent);
        }
        other => {
            let _ = writeln!(text, " {other}");
        }
    }
}
