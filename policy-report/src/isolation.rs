//! Who is isolated, and how far each one reaches.

use std::collections::BTreeMap;
use std::fmt::Write;

use policy_core::cluster::Cluster;
use policy_core::compile::Cell;
use policy_core::netset::Direction;
use policy_core::query::{
    Beyond, DirectionIsolation, EndpointIsolation, Isolation, NamespaceIsolation, Reach,
};
use policy_core::rulebook::Tier;
use policy_core::say;

use crate::table::{columns, csv_row, markdown};
use crate::{Style, Tone};

const HEAD: [&str; 8] = [
    "pod or workload",
    "ingress",
    "open to cluster",
    "open to outside",
    "egress",
    "open to cluster",
    "open to outside",
    "reaches / reached by",
];

/// For people: namespaces, then every pod and workload; at most so many lines.
pub fn isolation_text(
    isolation: &Isolation,
    cluster: &Cluster,
    shown: &dyn Fn(&str) -> bool,
    limit: usize,
    style: Style,
) -> String {
    let mut out = String::new();
    let mut rows = vec![
        [
            "NAMESPACE",
            "ENDPOINTS",
            "DEFAULT DENY INGRESS",
            "ISOLATED",
            "DEFAULT DENY EGRESS",
            "ISOLATED",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for one in isolation.namespaces.iter().filter(|one| shown(&one.name)) {
        rows.push(vec![
            one.name.clone(),
            one.endpoints.to_string(),
            say::default_deny(&one.ingress),
            format!("{} of {}", one.ingress.isolated, one.endpoints),
            say::default_deny(&one.egress),
            format!("{} of {}", one.egress.isolated, one.endpoints),
        ]);
    }
    let fold = |rows: &mut Vec<Vec<String>>, limit: usize| {
        let more = rows.len().saturating_sub(limit);
        rows.truncate(limit);
        more
    };
    let more_namespaces = fold(&mut rows, limit / 2);
    out.push_str(&columns(&rows));
    if more_namespaces > 0 {
        let _ = writeln!(out, "… {more_namespaces} more namespaces");
    }
    out.push_str(&around(isolation, shown, limit / 4));
    out.push('\n');
    let head = ["POD OR WORKLOAD", "INGRESS", "EGRESS", "REACHES", "REACHED BY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in isolation.endpoints.iter().filter(|one| shown(&one.namespace)) {
        rows.push(vec![
            cluster.display(one.endpoint),
            short(&one.ingress),
            short(&one.egress),
            reach(one.reaches),
            reach(one.reached_by),
        ]);
    }
    let lines = limit.saturating_sub(out.lines().count() + 4).max(2);
    let more = fold(&mut rows, lines);
    out.push_str(&columns(&rows));
    if more > 0 {
        let _ = writeln!(
            out,
            "… {more} more: --only-namespace NS for one namespace, -o csv or -o json for all"
        );
    }
    let note = "pods are counted that something flows to or from on any port; + N? may, depending \
                on what is open";
    let _ = writeln!(out, "\n{}", style.paint(Tone::Dim, note));
    out
}

/// What reaches around the default denies, and who never reaches them; nothing if nobody does.
fn around(isolation: &Isolation, shown: &dyn Fn(&str) -> bool, limit: usize) -> String {
    let mut by_rule: BTreeMap<(Direction, String), Vec<String>> = BTreeMap::new();
    let mut order: Vec<(Direction, String)> = Vec::new();
    let mut notes = Vec::new();
    let mut is_open = false;
    let namespaces: Vec<&NamespaceIsolation> =
        isolation.namespaces.iter().filter(|one| shown(&one.name)).collect();
    for direction in [Direction::Ingress, Direction::Egress] {
        for one in &namespaces {
            let deny = match direction {
                Direction::Ingress => &one.ingress,
                Direction::Egress => &one.egress,
            };
            if deny.beyond_baseline != Beyond::default() {
                notes.push(say::beyond_baseline(deny.beyond_baseline, &one.name, direction));
            }
            if !deny.holds() {
                continue;
            }
            for accept in &deny.accepts {
                is_open |= accept.depends;
                let key = (direction, say::rule(&accept.policy, &accept.path, &accept.name));
                let mark = if accept.depends { " ?" } else { "" };
                let names = by_rule.entry(key.clone()).or_insert_with(|| {
                    order.push(key);
                    Vec::new()
                });
                names.push(format!("{}{mark}", one.name));
            }
        }
    }
    let mut out = String::new();
    if !order.is_empty() {
        let head = ["ACCEPTED BY THE ADMIN TIER", "AROUND THE DEFAULT DENY OF"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for key in order {
            let names = by_rule.remove(&key).unwrap_or_default();
            rows.push(vec![key.1, few(&names, 4)]);
        }
        let more = rows.len().saturating_sub(limit.max(2));
        rows.truncate(limit.max(2));
        let _ = write!(out, "\n{}", columns(&rows));
        if more > 0 {
            let _ = writeln!(out, "… {more} more rules (-o json)");
        }
        if is_open {
            let _ = writeln!(out, "? may, depending on what is open (netverdict flow says why)");
        }
    }
    if !notes.is_empty() {
        let more = notes.len().saturating_sub(limit.max(2));
        notes.truncate(limit.max(2));
        let _ = writeln!(out, "\n{}", notes.join("\n"));
        if more > 0 {
            let _ = writeln!(out, "… {more} more namespaces (-o json)");
        }
    }
    out
}

/// The first of some names, and how many more there are.
fn few(names: &[String], count: usize) -> String {
    let (first, rest) = names.split_at(names.len().min(count));
    let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
    format!("{}{more}", first.join(", "))
}

/// `isolated by deny-all; Admin tenants`
fn short(own: &DirectionIsolation) -> String {
    let names: Vec<String> = own.policies.iter().map(|key| key.name.clone()).collect();
    let mut text = match (names.is_empty(), own.governing.is_empty()) {
        (true, true) => "open".to_owned(),
        (true, false) => "not isolated".to_owned(),
        (false, _) => format!("isolated by {}", few(&names, 2)),
    };
    for tier in [Tier::Admin, Tier::Baseline] {
        let names = in_tier(own, tier);
        if !names.is_empty() {
            let _ = write!(text, "; {} {}", tier.name(), few(&names, 2));
        }
    }
    text
}

/// The names of the administrators' policies of a tier, by rank.
fn in_tier(own: &DirectionIsolation, tier: Tier) -> Vec<String> {
    let governing = own.governing.iter().filter(|one| one.tier == tier);
    governing.map(|one| one.policy.name.clone()).collect()
}

fn reach(reach: Reach) -> String {
    match reach.depends {
        0 => reach.allowed.to_string(),
        depends => format!("{} + {depends}?", reach.allowed),
    }
}

/// As a table of Markdown.
pub fn isolation_markdown(
    isolation: &Isolation,
    cluster: &Cluster,
    shown: &dyn Fn(&str) -> bool,
) -> String {
    let endpoints = isolation.endpoints.iter().filter(|one| shown(&one.namespace));
    let rows: Vec<Vec<String>> = endpoints
        .map(|one| {
            let mut cells = vec![cluster.display(one.endpoint)];
            for own in [&one.ingress, &one.egress] {
                cells.extend([short(own), open(&own.cluster), open(&own.outside)]);
            }
            cells.push(format!("{} / {}", reach(one.reaches), reach(one.reached_by)));
            cells
        })
        .collect();
    markdown(&HEAD, &rows)
}

/// As CSV, with a head.
pub fn isolation_csv(
    isolation: &Isolation,
    cluster: &Cluster,
    shown: &dyn Fn(&str) -> bool,
) -> String {
    let mut head = vec![
        "endpoint",
        "ingress_isolated_by",
        "ingress_from_cluster",
        "ingress_from_outside",
        "egress_isolated_by",
        "egress_to_cluster",
        "egress_to_outside",
        "reaches",
        "reaches_depends",
        "reached_by",
        "reached_by_depends",
    ];
    let has_tiers = isolation.admin_policies > 0;
    if has_tiers {
        head.extend(["ingress_admin", "ingress_baseline", "egress_admin", "egress_baseline"]);
    }
    let mut out = csv_row(head);
    for one in isolation.endpoints.iter().filter(|one| shown(&one.namespace)) {
        out.push_str(&row(one, cluster, has_tiers));
    }
    out
}

fn row(one: &EndpointIsolation, cluster: &Cluster, has_tiers: bool) -> String {
    let mut cells = vec![cluster.display(one.endpoint)];
    for own in [&one.ingress, &one.egress] {
        let names: Vec<String> = own.policies.iter().map(say::object).collect();
        cells.extend([names.join(" "), open(&own.cluster), open(&own.outside)]);
    }
    for reach in [one.reaches, one.reached_by] {
        cells.extend([reach.allowed.to_string(), reach.depends.to_string()]);
    }
    if has_tiers {
        for own in [&one.ingress, &one.egress] {
            cells.extend([Tier::Admin, Tier::Baseline].map(|tier| in_tier(own, tier).join(" ")));
        }
    }
    csv_row(cells.iter().map(String::as_str))
}

fn open(cell: &Cell) -> String {
    match (cell.allowed.is_empty(), cell.depends.is_empty()) {
        (_, true) => cell.allowed.to_string(),
        (true, false) => format!("? {}", cell.depends),
        (false, false) => format!("{}; ? {}", cell.allowed, cell.depends),
    }
}
