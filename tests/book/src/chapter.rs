//! A chapter: prose, with cases inside. A case is a `##` section with a `yaml` block and a `flows`
//! or a `findings` block; the chapter's `pods:`, `namespaces:` and `nodes:` lines stand before every one.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Case, Directives, parse};

/// The cases of a chapter.
pub(crate) fn cases(file: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut sections = text.split("\n## ");
    let head = sections.next().unwrap_or("");
    let title = head.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("");
    let of_chapter = clauses(title);
    for section in sections {
        let title = section.lines().next().unwrap_or("").trim();
        let name = format!("semantics/{file}: {title}");
        let (flows, findings) = (block(section, "flows"), block(section, "findings"));
        if flows.is_none() && findings.is_none() {
            continue;
        }
        let flows = flows.unwrap_or_default();
        let mut own = clauses(title);
        if own.is_empty() {
            own = of_chapter.clone();
        }
        let (directives, flows) = parse(&flows).map_err(|error| format!("{name}: {error}"))?;
        let yaml = block(section, "yaml").unwrap_or_default();
        // A section may have its own cast.
        let cast = if cast_lines(section).is_empty() { head } else { section };
        let manifests = format!("{}{yaml}", prelude(cast).map_err(|e| format!("{name}: {e}"))?);
        cases.push(Case {
            name,
            manifests,
            directives: Directives { ..directives },
            flows,
            findings: findings.map(|text| {
                let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
                lines.map(|words| words.join(" ")).filter(|line| !line.is_empty()).collect()
            }),
            clauses: own,
        });
    }
    Ok(cases)
}

fn clauses(title: &str) -> Vec<String> {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric());
    let is_clause = |word: &&str| {
        word.strip_prefix('C')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(is_clause).map(str::to_owned).collect()
}

/// What stands in the fenced blocks of a language.
fn block(section: &str, language: &str) -> Option<String> {
    let fence = format!("```{language}\n");
    let mut found: Option<String> = None;
    for part in section.split(fence.as_str()).skip(1) {
        let end = part.find("```").unwrap_or(part.len());
        let inner = part.get(..end).unwrap_or("");
        found.get_or_insert_default().push_str(inner);
    }
    found
}

fn cast_lines(text: &str) -> Vec<(&str, &str)> {
    let kinds = ["pods:", "namespaces:", "nodes:"];
    let of_line =
        |line| kinds.into_iter().find_map(|kind| Some((kind, str::strip_prefix(line, kind)?)));
    let outside = text.split("```").step_by(2);
    outside.flat_map(str::lines).filter_map(of_line).collect()
}

/// The manifests of a chapter's cast.
fn prelude(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut namespaces: BTreeSet<String> = BTreeSet::new();
    let lines = cast_lines(text);
    let parts = |kind: &str| -> Vec<&str> {
        let own = lines.iter().filter(|(own, _)| *own == kind);
        let parts = own.flat_map(|(_, line)| line.split(';'));
        parts.map(str::trim).filter(|part| !part.is_empty()).collect()
    };
    for namespace in parts("namespaces:") {
        let mut words = namespace.split_whitespace();
        let name = words.next().ok_or("a namespace without a name")?;
        namespaces.insert(name.to_owned());
        let labels: Vec<&str> = words.collect();
        write_object(&mut out, "Namespace", &format!("name: \"{name}\""), &labels, "")?;
    }
    for node in parts("nodes:") {
        let mut words = node.split_whitespace();
        let name = words.next().ok_or("a node without a name")?;
        let (mut labels, mut addresses, mut cidrs) = (Vec::new(), String::new(), Vec::new());
        for word in words {
            if let Some(cidr) = word.strip_prefix("podCIDR=") {
                cidrs.push(format!("\"{cidr}\""));
            } else if word.contains('=') {
                labels.push(word);
            } else {
                let _ = write!(addresses, "{{type: InternalIP, address: \"{word}\"}}, ");
            }
        }
        let rest = format!(
            "spec: {{podCIDRs: [{}]}}\nstatus: {{addresses: [{addresses}]}}\n",
            cidrs.join(", ")
        );
        write_object(&mut out, "Node", &format!("name: {name}"), &labels, &rest)?;
    }
    for pod in parts("pods:") {
        let mut words = pod.split_whitespace();
        let name = words.next().ok_or("a pod without a name")?;
        let (namespace, name) = name.split_once('/').ok_or("a pod without a namespace")?;
        if namespaces.insert(namespace.to_owned()) {
            write_object(&mut out, "Namespace", &format!("name: \"{namespace}\""), &[], "")?;
        }
        let (mut labels, mut spec, mut ips, mut ports) =
            (Vec::new(), String::new(), Vec::new(), Vec::new());
        let mut phase = "Running";
        for word in words {
            match word.split_once('=') {
                None if word == "hostNetwork" => spec.push_str("hostNetwork: true, "),
                None if word == "completed" => phase = "Succeeded",
                None => return Err(format!("`{word}` of pod {name}")),
                Some(("ip", ip)) => ips.push(format!("{{ip: \"{ip}\"}}")),
                Some(("node", node)) => {
                    let _ = write!(spec, "nodeName: {node}, ");
                }
                Some(("port", port)) => {
                    let (port, protocol) = port.split_once('/').unwrap_or((port, "TCP"));
                    let (name, number) = port.split_once(':').ok_or("a port without a name")?;
                    ports.push(format!(
                        "{{name: {name}, containerPort: {number}, protocol: {protocol}}}"
                    ));
                }
                Some(_) => labels.push(word),
            }
        }
        let rest = format!(
            "spec: {{{spec}containers: [{{name: main, ports: [{}]}}]}}\nstatus: {{phase: {phase}, podIPs: [{}]}}\n",
            ports.join(", "),
            ips.join(", ")
        );
        let metadata = format!("name: {name}, namespace: \"{namespace}\"");
        write_object(&mut out, "Pod", &metadata, &labels, &rest)?;
    }
    Ok(out)
}

fn write_object(
    out: &mut String,
    kind: &str,
    metadata: &str,
    labels: &[&str],
    rest: &str,
) -> Result<(), String> {
    let pairs: Option<Vec<String>> = labels
        .iter()
        .map(|label| label.split_once('=').map(|(key, value)| format!("{key}: \"{value}\"")))
        .collect();
    let labels = pairs.ok_or_else(|| format!("labels of {metadata}"))?.join(", ");
    write!(
        out,
        "apiVersion: v1\nkind: {kind}\nmetadata: {{{metadata}, labels: {{{labels}}}}}\n{rest}---\n"
    )
    .map_err(|error| error.to_string())
}
