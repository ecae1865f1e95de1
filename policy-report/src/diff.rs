//! What changes open and close.

use std::fmt::Write;

use policy_core::manifest::{FieldPath, Locator};
use policy_core::query::{
    Cause, ChangedObject, Diff, DiffBlock, DiffEnds, Effect, How, Level, RadiusMoved, Reach, Turn,
};
use policy_core::{say, wire};

use crate::table::{csv_row, markdown, pad, width};
use crate::{Style, Tone};

/// How many names of a namespace are written before they are counted.
const NAMES: usize = 3;
/// How many lines of blast radius are shown.
pub const RADII: usize = 10;
/// How many causes of a block are written before they are counted.
const CAUSES: usize = 4;

/// For people: what is opened first, then what is closed, kept, moved, and left as it was; at most
/// some so many lines. `places` are those of the second side.
pub fn diff_text(diff: &Diff, places: &mut Locator<'_>, limit: usize, style: Style) -> String {
    let mut rows: Vec<(Tone, String, String, String, Vec<String>)> = Vec::new();
    let mut more = 0;
    for (turn, name, tone) in [
        (Turn::Opened, "opened", Tone::Allow),
        (Turn::ToDepends, "depends", Tone::Depends),
        (Turn::FromDepends, "settled", Tone::Depends),
        (Turn::Closed, "closed", Tone::Deny),
    ] {
        let mut any = false;
        for block in diff.of(turn) {
            any = true;
            // Each takes two lines.
            if rows.len() * 2 >= limit {
                more += 1;
                continue;
            }
            let on = format!("{}{}", say::asked(&block.traffic), was(block));
            let because = because(diff, &block.because, places);
            rows.push((tone, name.to_owned(), flows(diff, &block.from, &block.to), on, because));
        }
        let is_named = matches!(turn, Turn::Opened | Turn::Closed);
        if !any && is_named {
            rows.push((Tone::Dim, name.to_owned(), "nothing".to_owned(), String::new(), vec![]));
        }
    }
    for block in &diff.kept {
        if rows.len() * 2 >= limit {
            more += 1;
            continue;
        }
        let on = say::asked(&block.traffic);
        let flows = flows(diff, &block.from, &block.to);
        rows.push((Tone::Dim, "kept".to_owned(), flows, on, Vec::new()));
    }
    let verb = rows.iter().map(|(_, name, ..)| width(name)).max().unwrap_or(0);
    // One long line must not push the ports of all others out of sight.
    let wide = rows.iter().map(|(_, _, flows, ..)| width(flows)).filter(|own| *own <= 76);
    let wide = wide.max().unwrap_or(0);
    let mut out = String::new();
    for (tone, name, flows, on, because) in &rows {
        let name = format!("{}{}", style.paint(*tone, name), " ".repeat(verb - width(name)));
        let line = format!("{name}  {}  {on}", pad(flows, wide));
        let _ = writeln!(out, "{}", line.trim_end());
        for cause in because {
            let _ = writeln!(out, "{}  {}", " ".repeat(verb), style.paint(Tone::Dim, cause));
        }
    }
    if more > 0 {
        let _ = writeln!(out, "… {more} more: --lines N, or -o json for all");
    }
    radii(&mut out, diff);
    objects(&mut out, diff, style);
    out
}

/// What it was or is, where the word of the line does not say it.
fn was(block: &DiffBlock) -> String {
    match block.turn {
        Turn::Opened | Turn::Closed => String::new(),
        Turn::ToDepends => format!("  (was {})", verdict(block.before)),
        Turn::FromDepends => format!("  (now {})", verdict(block.after)),
    }
}

fn verdict(level: Level) -> &'static str {
    match level {
        Level::Deny => "denied",
        Level::Depends => "depends",
        Level::Allow => "allowed",
    }
}

fn flows(diff: &Diff, from: &DiffEnds, to: &DiffEnds) -> String {
    format!("{} → {}", side(diff, from), side(diff, to))
}

/// One side in few words: `outside, bystander (4), frontend/api, web`.
fn side(diff: &Diff, ends: &DiffEnds) -> String {
    let mut parts = Vec::new();
    parts.extend(outside(ends));
    let mut by_namespace: Vec<(&str, Vec<&str>)> = Vec::new();
    for unit in diff.units(ends) {
        match by_namespace.last_mut() {
            Some((namespace, names)) if *namespace == unit.namespace => names.push(&unit.name),
            _ => by_namespace.push((&unit.namespace, vec![&unit.name])),
        }
    }
    let more = by_namespace.len().saturating_sub(NAMES + 1);
    let shown = by_namespace.len() - more;
    for (namespace, names) in by_namespace.iter().take(shown) {
        if names.len() > NAMES {
            parts.push(format!("{namespace} ({})", names.len()));
            continue;
        }
        let own = format!("{namespace}/");
        for (at, name) in names.iter().enumerate() {
            let short = if at == 0 { name } else { name.strip_prefix(&own).unwrap_or(name) };
            parts.push(short.to_owned());
        }
    }
    if more > 0 {
        let rest = by_namespace.iter().skip(shown);
        let count: usize = rest.map(|(_, names)| names.len()).sum();
        parts.push(format!("{more} more namespaces ({count})"));
    }
    parts.join(", ")
}

fn outside(ends: &DiffEnds) -> Option<String> {
    let is_last =
        |text: &str| ["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"].contains(&text);
    let is_whole = |(first, last): &(std::net::IpAddr, std::net::IpAddr)| {
        first.is_unspecified() && is_last(&last.to_string())
    };
    match ends.addresses.as_slice() {
        [] => None,
        [v4, v6] if is_whole(v4) && is_whole(v6) => Some("outside".to_owned()),
        [only] if is_whole(only) => {
            Some(format!("outside {}", if only.0.is_ipv4() { "IPv4" } else { "IPv6" }))
        }
        ranges => {
            let texts = wire::ranges(ranges.get(..ranges.len().min(NAMES)).unwrap_or_default());
            let more = ranges.len().saturating_sub(NAMES);
            let more = if more > 0 { format!(", {more} more ranges") } else { String::new() };
            Some(format!("outside {}{more}", texts.join(", ")))
        }
    }
}

/// The lines that say what made a block.
fn because(diff: &Diff, causes: &[Cause], places: &mut Locator<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for cause in causes.iter().take(CAUSES) {
        let place = diff.objects.iter().find(|one| is_of(one, cause));
        let place =
            place.and_then(|one| at(one, places)).map_or_else(String::new, |at| format!("   {at}"));
        lines.push(format!("because {}{place}", say::cause(cause)));
    }
    if causes.len() > CAUSES {
        lines.push(format!("and {} more", causes.len() - CAUSES));
    }
    lines
}

fn is_of(one: &ChangedObject, cause: &Cause) -> bool {
    one.key.kind.name() == cause.kind
        && one.key.namespace == cause.namespace
        && one.key.name == cause.name
}

fn at(one: &ChangedObject, places: &mut Locator<'_>) -> Option<String> {
    let place = one.place?;
    let name = places.name(place).to_owned();
    let found = places.locate(place, &FieldPath::default())?;
    Some(format!("{name}:{}", found.start.line))
}

fn radii(out: &mut String, diff: &Diff) {
    if diff.radius.is_empty() {
        return;
    }
    out.push('\n');
    for one in diff.radius.iter().take(RADII) {
        let _ = writeln!(out, "{}", radius(one));
    }
    more_radii(out, diff, "");
}

fn more_radii(out: &mut String, diff: &Diff, bullet: &str) {
    let more = diff.radius.len().saturating_sub(RADII) as u64 + diff.radius_more;
    if more > 0 {
        let _ = writeln!(out, "{bullet}… and of {more} more, of kinds of pods: -o json for all");
    }
}

/// `blast radius of frontend/web: 6 → 4 pods; reached by 5 → 3`.
fn radius(one: &RadiusMoved) -> String {
    let (first, rest) = one.units.split_at(one.units.len().min(NAMES));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let who = format!("{}{more}", first.join(", "));
    let mut parts = Vec::new();
    let moved = |(was, is): (Reach, Reach)| format!("{} → {}", pods(was), pods(is));
    parts.extend(one.reaches.map(|own| format!("{} pods", moved(own))));
    parts.extend(one.reached_by.map(|own| format!("reached by {}", moved(own))));
    let each = if one.units.len() > 1 { ", each" } else { "" };
    format!("blast radius of {who}{each}: {}", parts.join("; "))
}

fn pods(reach: Reach) -> String {
    match reach.depends {
        0 => reach.allowed.to_string(),
        depends => format!("{} + {depends}?", reach.allowed),
    }
}

/// What changed and changes no flow.
fn objects(out: &mut String, diff: &Diff, style: Style) {
    for (effect, words) in [
        (Effect::SameMeaning, "means the same in other words"),
        (Effect::NoFlow, "changes no flow"),
    ] {
        let own: Vec<String> = diff
            .objects
            .iter()
            .filter(|one| one.effect == effect)
            .map(|one| {
                let how = match (effect, one.how) {
                    (Effect::SameMeaning, _) | (_, How::Changed) => String::new(),
                    (_, how) => format!(" {}", how.name()),
                };
                format!("{} {}{how}", one.key.kind, say::object(&one.key))
            })
            .collect();
        if own.is_empty() {
            continue;
        }
        let (first, rest) = own.split_at(own.len().min(RADII));
        let more = if rest.is_empty() { String::new() } else { format!(", {} more", rest.len()) };
        let line = format!("{words}: {}{more}", first.join(", "));
        let _ = writeln!(out, "\n{}", style.paint(Tone::Dim, &line));
    }
}

/// As a table of Markdown, with what it comes to above it.
pub fn diff_markdown(diff: &Diff) -> String {
    let count = |turn| diff.of(turn).count();
    let mut out = format!(
        "**{} opened, {} closed, {} to depends, {} from depends** (blocks of flows)\n\n",
        count(Turn::Opened),
        count(Turn::Closed),
        count(Turn::ToDepends),
        count(Turn::FromDepends)
    );
    let rows: Vec<Vec<String>> = diff
        .blocks
        .iter()
        .map(|block| {
            let causes: Vec<String> = block.because.iter().map(say::cause).collect();
            vec![
                turn_name(block.turn).to_owned(),
                side(diff, &block.from),
                side(diff, &block.to),
                format!("{}{}", say::asked(&block.traffic), was(block)),
                causes.join("; "),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.push_str(&markdown(&["", "from", "to", "on", "because"], &rows));
    }
    if !diff.radius.is_empty() {
        out.push('\n');
        for one in diff.radius.iter().take(RADII) {
            let _ = writeln!(out, "- {}", radius(one));
        }
        more_radii(&mut out, diff, "- ");
    }
    let mut rest = String::new();
    objects(&mut rest, diff, Style::Plain);
    out.push_str(&rest);
    out
}

/// As CSV, with a head: a row a block.
pub fn diff_csv(diff: &Diff) -> String {
    let head = ["change", "before", "after", "from", "to", "ports", "exposure", "because"];
    let mut out = csv_row(head);
    let names = |ends: &DiffEnds| {
        let mut all: Vec<String> = diff.units(ends).map(|unit| unit.name.clone()).collect();
        all.extend(wire::ranges(&ends.addresses));
        all.join(" ")
    };
    for block in &diff.blocks {
        let causes: Vec<String> = block.because.iter().map(say::cause).collect();
        let cells = [
            turn_name(block.turn).to_owned(),
            block.before.name().to_owned(),
            block.after.name().to_owned(),
            names(&block.from),
            names(&block.to),
            block.traffic.to_string(),
            block.exposure.name().to_owned(),
            causes.join("; "),
        ];
        out.push_str(&csv_row(cells.iter().map(String::as_str)));
    }
    out
}

fn turn_name(turn: Turn) -> &'static str {
    match turn {
        Turn::Opened => "opened",
        Turn::Closed => "closed",
        Turn::ToDepends => "toDepends",
        Turn::FromDepends => "fromDepends",
    }
}
