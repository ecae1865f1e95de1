//! Administrators' policies from a seed, in the shapes that clusters have: what is always admitted,
//! tenants apart, ports of databases, addresses outside, and a baseline.

use crate::generator::TEAMS;
use crate::random::Random;

const V1ALPHA2: &str = "policy.networking.k8s.io/v1alpha2";
const V1ALPHA1: &str = "policy.networking.k8s.io/v1alpha1";

/// So many policies as JSON texts, one each.
pub(crate) fn policies(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count).map(|index| policy(index, &mut random)).collect()
}

fn policy(index: usize, random: &mut Random) -> String {
    let everywhere = r#""subject":{"namespaces":{}}"#;
    match index {
        0 => cluster(
            index,
            "Admin",
            10,
            &format!(
                r#"{everywhere},"ingress":[{{"name":"monitoring","action":"Accept","from":[{{"namespaces":{}}}],"protocols":[{{"destinationNamedPort":"metrics"}}]}}]"#,
                named("ns-0")
            ),
        ),
        1 => cluster(
            index,
            "Admin",
            20,
            &format!(
                r#"{everywhere},"egress":[{{"name":"dns","action":"Accept","to":[{{"pods":{{"namespaceSelector":{},"podSelector":{{"matchLabels":{{"tier":"api"}}}}}}}}],"protocols":[{},{}]}}]"#,
                named("ns-0"),
                port("udp", 53),
                port("tcp", 53)
            ),
        ),
        2 => cluster(
            index,
            "Admin",
            30,
            &format!(
                r#"{everywhere},"egress":[{{"name":"metadata","action":"Deny","to":[{{"networks":["169.254.169.254/32"]}}]}}]"#
            ),
        ),
        3 => cluster(
            index,
            "Admin",
            40,
            &format!(
                r#"{everywhere},"egress":[{{"name":"kubelets","action":"Deny","to":[{{"nodes":{{"matchLabels":{{"zone":"z1"}}}}}}],"protocols":[{}]}}]"#,
                port("tcp", 10250)
            ),
        ),
        4 => cluster(
            index,
            "Baseline",
            500,
            r#""subject":{"namespaces":{"matchLabels":{"env":"prod"}}},"ingress":[{"name":"default-deny","action":"Deny","from":[{"namespaces":{}}]}]"#,
        ),
        5 => format!(
            r#"{{"apiVersion":"{V1ALPHA1}","kind":"BaselineAdminNetworkPolicy","metadata":{{"name":"default"}},"spec":{{"subject":{{"namespaces":{{"matchLabels":{{"env":"dev"}}}}}},"ingress":[{{"name":"default-deny","action":"Deny","from":[{{"namespaces":{{}}}}]}}]}}}}"#
        ),
        _ => tenant(index, random),
    }
}

/// A policy for one team.
fn tenant(index: usize, random: &mut Random) -> String {
    let team = index % TEAMS;
    let other = random.below(TEAMS);
    let own = format!(r#"{{"matchLabels":{{"team":"team-{team}"}}}}"#);
    let priority = 100 + index * 37 % 800;
    // A few teams still have the old kind.
    if team >= TEAMS - 2 {
        let spec = format!(
            r#""priority":{},"subject":{{"namespaces":{own}}},"ingress":[{{"name":"partner","action":"Allow","from":[{{"namespaces":{}}}],"ports":[{{"portRange":{{"protocol":"TCP","start":8000,"end":{}}}}},{{"namedPort":"http"}}]}},{{"name":"own","action":"Pass","from":[{{"namespaces":{own}}}]}},{{"name":"others","action":"Deny","from":[{{"namespaces":{}}}]}}]"#,
            priority % 100,
            team_of(other),
            8000 + index % 40 + 1,
            other_than(team)
        );
        return format!(
            r#"{{"apiVersion":"{V1ALPHA1}","kind":"AdminNetworkPolicy","metadata":{{"name":"anp-{index}"}},"spec":{{{spec}}}}}"#
        );
    }
    let (tier, priority, spec) = match random.below(100) {
        0..35 => {
            let env = ["prod", "stage", "dev"].get(random.below(3)).copied().unwrap_or("prod");
            let spec = format!(
                r#""subject":{{"namespaces":{{"matchLabels":{{"team":"team-{team}","env":"{env}"}}}}}},"ingress":[{{"name":"partner","action":"Accept","from":[{{"namespaces":{}}}],"protocols":[{{"destinationNamedPort":"http"}}]}},{{"name":"own","action":"Pass","from":[{{"namespaces":{own}}}]}},{{"name":"others","action":"Deny","from":[{{"namespaces":{}}}]}}]"#,
                team_of(other),
                other_than(team)
            );
            ("Admin", priority, spec)
        }
        35..60 => {
            let spec = format!(
                r#""subject":{{"pods":{{"namespaceSelector":{own},"podSelector":{{"matchLabels":{{"tier":"db"}}}}}}}},"ingress":[{{"name":"api","action":"Accept","from":[{{"pods":{{"namespaceSelector":{own},"podSelector":{{"matchLabels":{{"tier":"api"}}}}}}}}],"protocols":[{0}]}},{{"name":"rest","action":"Deny","from":[{{"namespaces":{{}}}}],"protocols":[{0}]}}]"#,
                port("tcp", 8000 + index % 50)
            );
            ("Admin", priority, spec)
        }
        60..80 => {
            let names = if index % 40 == 39 {
                r#",{"name":"updates","action":"Accept","to":[{"domainNames":["*.example.com"]}]}"#
            } else {
                ""
            };
            let spec = format!(
                r#""subject":{{"namespaces":{own}}},"egress":[{{"name":"partner","action":"Accept","to":[{{"networks":["192.{}.0.0/16"]}}],"protocols":[{}]}},{{"name":"carrier","action":"Deny","to":[{{"networks":["100.{}.0.0/16","198.18.0.0/15"]}}]}}{names}]"#,
                index % 256,
                port("tcp", 443),
                64 + index % 64,
            );
            ("Admin", priority, spec)
        }
        80..90 => {
            let spec = format!(
                r#""subject":{{"namespaces":{own}}},"egress":[{{"name":"other","action":"Deny","to":[{{"pods":{{"namespaceSelector":{},"podSelector":{{"matchLabels":{{"tier":"db"}}}}}}}}]}},{{"name":"own","action":"Pass","to":[{{"namespaces":{own}}}]}}]"#,
                team_of(other)
            );
            ("Admin", priority, spec)
        }
        _ => {
            let spec = format!(
                r#""subject":{{"namespaces":{own}}},"ingress":[{{"name":"own","action":"Accept","from":[{{"namespaces":{own}}}]}},{{"name":"rest","action":"Deny","from":[{{"namespaces":{{}}}}]}}],"egress":[{{"name":"web","action":"Accept","to":[{{"networks":["0.0.0.0/0","::/0"]}}],"protocols":[{}]}},{{"name":"rest","action":"Deny","to":[{{"networks":["0.0.0.0/0","::/0"]}}]}}]"#,
                port("tcp", 443)
            );
            ("Baseline", 510 + index % 400, spec)
        }
    };
    cluster(index, tier, priority, &spec)
}

fn cluster(index: usize, tier: &str, priority: usize, spec: &str) -> String {
    format!(
        r#"{{"apiVersion":"{V1ALPHA2}","kind":"ClusterNetworkPolicy","metadata":{{"name":"cnp-{index}"}},"spec":{{"tier":"{tier}","priority":{priority},{spec}}}}}"#
    )
}

fn named(namespace: &str) -> String {
    format!(r#"{{"matchLabels":{{"kubernetes.io/metadata.name":"{namespace}"}}}}"#)
}

fn team_of(team: usize) -> String {
    format!(r#"{{"matchLabels":{{"team":"team-{team}"}}}}"#)
}

fn other_than(team: usize) -> String {
    format!(
        r#"{{"matchExpressions":[{{"key":"team","operator":"NotIn","values":["team-{team}"]}}]}}"#
    )
}

fn port(protocol: &str, number: usize) -> String {
    format!(r#"{{"{protocol}":{{"destinationPort":{{"number":{number}}}}}}}"#)
}
