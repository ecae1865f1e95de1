//! Who is isolated, and how far each one reaches.

use std::fmt::Write;

use policy_core::cluster::Cluster;
use policy_core::compile::Cell;
use policy_core::query::{DefaultDeny, DirectionIsolation, EndpointIsolation, Isolation, Reach};
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
    let deny = |deny: &DefaultDeny| {
        let names: Vec<String> = deny.policies.iter().map(say::object).collect();
        if names.is_empty() { "no".to_owned() } else { format!("yes, {}", names.join(", ")) }
    };
    for one in isolation.namespaces.iter().filter(|one| shown(&one.name)) {
        rows.push(vec![
            one.name.clone(),
            one.endpoints.to_string(),
            deny(&one.ingress),
            format!("{} of {}", one.ingress.isolated, one.endpoints),
            deny(&one.egress),
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

fn short(own: &DirectionIsolation) -> String {
    if own.policies.is_empty() {
        return "open".to_owned();
    }
    let names: Vec<String> = own.policies.iter().map(|key| key.name.clone()).collect();
    let (first, rest) = names.split_at(names.len().min(2));
    let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
    format!("isolated by {}{more}", first.join(", "))
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
    let mut out = csv_row([
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
    ]);
    for one in isolation.endpoints.iter().filter(|one| shown(&one.namespace)) {
        out.push_str(&row(one, cluster));
    }
    out
}

fn row(one: &EndpointIsolation, cluster: &Cluster) -> String {
    let mut cells = vec![cluster.display(one.endpoint)];
    for own in [&one.ingress, &one.egress] {
        let names: Vec<String> = own.policies.iter().map(say::object).collect();
        cells.extend([names.join(" "), open(&own.cluster), open(&own.outside)]);
    }
    for reach in [one.reaches, one.reached_by] {
        cells.extend([reach.allowed.to_string(), reach.depends.to_string()]);
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
