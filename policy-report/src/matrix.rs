//! Who reaches whom: a table where it fits, a list where it does not.

use std::collections::BTreeMap;
use std::fmt::Write;

use policy_core::compile::{Cell, ClassId, CompiledPolicy};
use policy_core::netset::{AddressSet, Direction, Protocol};
use policy_core::query::{Filter, PairEnd, Selection, Unit, outside_of, units};
use policy_core::rulebook::Tier;
use policy_core::wire;

use crate::table::{columns, csv_row, markdown, pad, width};
use crate::{Style, Tone};

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixView {
    /// The most columns of a line.
    pub columns: usize,
    /// The most lines.
    pub lines: usize,
}

/// A side of the table: workloads of one class, or of one namespace where it is folded, or the
/// outside.
struct Group {
    namespace: String,
    label: String,
    classes: Vec<ClassId>,
    count: usize,
    outside: bool,
}

/// For people: a table of classes; where that is too large, of namespaces; where that is too
/// wide, a list.
pub fn matrix_text(
    policy: &CompiledPolicy,
    filter: &Filter,
    view: MatrixView,
    style: Style,
) -> String {
    let room = view.lines.saturating_sub(8);
    let mut unfold = "";
    for fold in [Fold::Classes, Fold::Namespaces] {
        let rows = groups(policy, filter.from.as_ref(), fold);
        let tops = groups(policy, filter.to.as_ref(), fold);
        if rows.len() <= room
            && let Some(table) = table(policy, filter, &rows, &tops, view.columns)
        {
            return table + &foot(policy, filter, fold, unfold, style);
        }
        unfold = "; --from and --to show a part in full, --pairs and -o json all of it";
        if let Some(list) = list(policy, filter, &rows, &tops, room) {
            return list + &foot(policy, filter, fold, unfold, style);
        }
    }
    let rows = groups(policy, filter.from.as_ref(), Fold::Namespaces);
    let tops = groups(policy, filter.to.as_ref(), Fold::Namespaces);
    let all = lines(policy, filter, &rows, &tops);
    let more = all.len().saturating_sub(room);
    let mut out = columns(all.get(..room.min(all.len())).unwrap_or_default());
    let _ = writeln!(out, "… {more} more lines");
    out + &foot(policy, filter, Fold::Namespaces, unfold, style)
}

/// As a table of Markdown: sources down, destinations across.
pub fn matrix_markdown(policy: &CompiledPolicy, filter: &Filter) -> String {
    let rows = groups(policy, filter.from.as_ref(), Fold::Classes);
    let tops = groups(policy, filter.to.as_ref(), Fold::Classes);
    let name = |group: &Group| format!("{} {}", group.namespace, group.label);
    let head: Vec<String> =
        std::iter::once("from \\ to".to_owned()).chain(tops.iter().map(name)).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let body: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cells = tops.iter().map(|top| cell_text(policy, filter, row, top));
            std::iter::once(name(row)).chain(cells).collect()
        })
        .collect();
    markdown(&head, &body)
}

/// A row of pairs as CSV.
pub fn pair_row(from: &PairEnd<'_>, to: &PairEnd<'_>, cell: &Cell) -> String {
    let end = |end: &PairEnd<'_>| match end {
        PairEnd::Workload(name) => (*name).to_owned(),
        PairEnd::Addresses(ranges) => wire::ranges(ranges).join(" "),
    };
    let text = |traffic: &policy_core::netset::Traffic| {
        if traffic.is_empty() { String::new() } else { traffic.to_string() }
    };
    let cells = [end(from), end(to), text(&cell.allowed), text(&cell.depends)];
    csv_row(cells.iter().map(String::as_str))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fold {
    Classes,
    Namespaces,
}

fn groups(policy: &CompiledPolicy, selection: Option<&Selection>, fold: Fold) -> Vec<Group> {
    let mut by_key: BTreeMap<(String, u32), Vec<Unit>> = BTreeMap::new();
    for unit in units(policy, selection) {
        let class = if fold == Fold::Classes { unit.class.0 } else { 0 };
        by_key.entry((unit.namespace.clone(), class)).or_default().push(unit);
    }
    let mut groups: Vec<Group> = by_key
        .into_iter()
        .map(|((namespace, _), units)| {
            let mut classes: Vec<ClassId> = units.iter().map(|unit| unit.class).collect();
            classes.sort_unstable();
            classes.dedup();
            let count = units.len();
            let label = match (fold, units.as_slice()) {
                (Fold::Namespaces, _) => format!("({count})"),
                (_, [first, rest @ ..]) => {
                    let short = |name: &str| name.replacen(&format!("{namespace}/"), "", 1);
                    let more =
                        if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
                    format!("{}{more}", short(&first.name))
                }
                (_, []) => String::new(),
            };
            Group { namespace, label, classes, count, outside: false }
        })
        .collect();
    groups.sort_by(|a, b| (&a.namespace, &a.label).cmp(&(&b.namespace, &b.label)));
    let has_outside = selection.is_none_or(|chosen| !chosen.addresses.is_empty());
    if has_outside {
        groups.push(Group {
            namespace: "outside".to_owned(),
            label: "(any)".to_owned(),
            classes: Vec::new(),
            count: 0,
            outside: true,
        });
    }
    groups
}

/// What flows between two groups, in few letters.
fn cell_text(policy: &CompiledPolicy, filter: &Filter, from: &Group, to: &Group) -> String {
    let mut cells: Vec<Cell> = Vec::new();
    let every = || Selection::of(policy.cluster(), &["outside".to_owned()]).unwrap_or_default();
    let addresses = |selection: &Option<Selection>| -> AddressSet {
        selection.as_ref().map_or_else(|| every().addresses, |chosen| chosen.addresses.clone())
    };
    match (from.outside, to.outside) {
        (true, true) => return String::new(),
        (false, false) => {
            for one in &from.classes {
                for other in &to.classes {
                    push(&mut cells, policy.cell(*one, *other));
                }
            }
        }
        (true, false) => {
            let chosen = addresses(&filter.from);
            for class in &to.classes {
                push_outside(&mut cells, policy, Direction::Ingress, *class, &chosen);
            }
        }
        (false, true) => {
            let chosen = addresses(&filter.to);
            for class in &from.classes {
                push_outside(&mut cells, policy, Direction::Egress, *class, &chosen);
            }
        }
    }
    match cells.as_slice() {
        [] => "·".to_owned(),
        [only] => short(only),
        _ => "some".to_owned(),
    }
}

fn push(cells: &mut Vec<Cell>, cell: Cell) {
    if !cells.contains(&cell) {
        cells.push(cell);
    }
}

fn push_outside(
    cells: &mut Vec<Cell>,
    policy: &CompiledPolicy,
    direction: Direction,
    class: ClassId,
    chosen: &AddressSet,
) {
    let parts = outside_of(policy, direction, class, chosen);
    let mut covered = AddressSet::empty();
    for (ranges, cell) in parts {
        for (first, last) in ranges {
            covered = covered.union(&AddressSet::from_range(first, last));
        }
        push(cells, cell);
    }
    // Only the families that the pod has count as closed.
    let open = chosen.difference(&covered);
    let lacks_only = open
        .ranges()
        .all(|(first, _)| !covered.ranges().any(|(other, _)| first.is_ipv4() == other.is_ipv4()))
        && !covered.is_empty();
    if !open.is_empty() && !lacks_only {
        push(cells, Cell::default());
    }
}

/// `·`, `all`, `443`, `udp/53`, `80,443`, with `?` behind what depends.
fn short(cell: &Cell) -> String {
    let one = |traffic: &policy_core::netset::Traffic| {
        if traffic.is_all() {
            return "all".to_owned();
        }
        let items: Vec<String> = traffic
            .items()
            .map(|(protocol, first, last)| {
                let ports = match (first, last) {
                    (1, u16::MAX) => return protocol.lower_name().to_owned(),
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                };
                if protocol == Protocol::Tcp {
                    ports
                } else {
                    format!("{}/{ports}", protocol.lower_name())
                }
            })
            .collect();
        items.join(",")
    };
    match (cell.allowed.is_empty(), cell.depends.is_empty()) {
        (true, true) => "·".to_owned(),
        (false, true) => one(&cell.allowed),
        (true, false) => format!("?{}", one(&cell.depends)),
        (false, false) => format!("{} ?{}", one(&cell.allowed), one(&cell.depends)),
    }
}

/// The table, if it fits.
fn table(
    policy: &CompiledPolicy,
    filter: &Filter,
    rows: &[Group],
    tops: &[Group],
    room: usize,
) -> Option<String> {
    // Every column needs at least three letters and two spaces.
    if tops.len() * 5 > room {
        return None;
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| tops.iter().map(|top| cell_text(policy, filter, row, top)).collect())
        .collect();
    let widths: Vec<usize> = tops
        .iter()
        .enumerate()
        .map(|(at, top)| {
            let is_first = at
                .checked_sub(1)
                .and_then(|before| tops.get(before))
                .is_none_or(|b| b.namespace != top.namespace);
            let alone = tops.get(at + 1).is_none_or(|next| next.namespace != top.namespace);
            let name = if is_first && alone { width(&top.namespace) } else { 0 };
            let own = cells.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max();
            width(&top.label).max(own.unwrap_or(0)).max(name)
        })
        .collect();
    let namespace = rows.iter().map(|row| width(&row.namespace)).max().unwrap_or(0).max(4);
    let label = rows.iter().map(|row| width(&row.label)).max().unwrap_or(0);
    let indent = namespace + 2 + label + 3;
    if indent + widths.iter().map(|width| width + 2).sum::<usize>() > room {
        return None;
    }
    let mut heads = String::new();
    let mut labels = pad("FROM", indent);
    let mut before = "";
    for (top, wide) in tops.iter().zip(&widths) {
        if top.namespace == before {
            heads.push_str(&" ".repeat(wide + 2));
        } else {
            // A name may run on over the columns of its own namespace.
            let at = width(&labels);
            heads = pad(&heads, at.saturating_sub(indent));
            heads.push_str(&pad(&top.namespace, wide + 2));
            before = &top.namespace;
        }
        labels.push_str(&pad(&top.label, wide + 2));
        heads = pad(&heads, width(&labels).saturating_sub(indent));
    }
    let mut out = format!("{}{}\n", pad("", indent.saturating_sub(3)) + "TO ", heads.trim_end());
    let _ = writeln!(out, "{}", labels.trim_end());
    let mut before = "";
    for (row, cells) in rows.iter().zip(&cells) {
        let name = if row.namespace == before { "" } else { row.namespace.as_str() };
        before = &row.namespace;
        let mut line = format!("{}  {}   ", pad(name, namespace), pad(&row.label, label));
        for (cell, wide) in cells.iter().zip(&widths) {
            line.push_str(&pad(cell, wide + 2));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    Some(out)
}

/// A line for each set of sources that reach the same destinations on the same ports.
fn lines(
    policy: &CompiledPolicy,
    filter: &Filter,
    rows: &[Group],
    tops: &[Group],
) -> Vec<Vec<String>> {
    let name = |group: &Group| match (group.outside, group.label.starts_with('(')) {
        (true, _) => "outside".to_owned(),
        (false, true) => format!("{} {}", group.namespace, group.label),
        (false, false) => format!("{}/{}", group.namespace, group.label),
    };
    let mut found: Vec<(Vec<usize>, String, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<(Vec<usize>, String), usize> = BTreeMap::new();
    for row in rows {
        let mut by_cell: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, top) in tops.iter().enumerate() {
            let cell = cell_text(policy, filter, row, top);
            if !cell.is_empty() && cell != "·" {
                by_cell.entry(cell).or_default().push(at);
            }
        }
        for (cell, to) in by_cell {
            let at = *known.entry((to.clone(), cell.clone())).or_insert_with(|| {
                found.push((to, cell, Vec::new()));
                found.len() - 1
            });
            if let Some((_, _, from)) = found.get_mut(at) {
                from.push(name(row));
            }
        }
    }
    let few = |names: &[String]| {
        let (first, rest) = names.split_at(names.len().min(3));
        let more =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{}{more}", first.join(", "))
    };
    let mut lines = vec![vec!["FROM".to_owned(), "TO".to_owned(), "ON".to_owned()]];
    for (to, cell, from) in found {
        let to: Vec<String> = to.iter().filter_map(|at| tops.get(*at)).map(name).collect();
        lines.push(vec![few(&from), few(&to), cell]);
    }
    lines
}

fn list(
    policy: &CompiledPolicy,
    filter: &Filter,
    rows: &[Group],
    tops: &[Group],
    room: usize,
) -> Option<String> {
    // A table of this size is not worth making to find that it does not fit.
    if rows.len() > room {
        return None;
    }
    let lines = lines(policy, filter, rows, tops);
    (lines.len() <= room).then(|| columns(&lines))
}

fn foot(
    policy: &CompiledPolicy,
    filter: &Filter,
    fold: Fold,
    unfold: &str,
    style: Style,
) -> String {
    let mut out = String::new();
    let legend = "· nothing   443 tcp/443   all every port of tcp, udp, sctp   some differs within";
    let depends = "? depends (netverdict flow says why)";
    let _ = writeln!(out, "\n{}", style.paint(Tone::Dim, legend));
    let _ = writeln!(out, "{}", style.paint(Tone::Dim, depends));
    let shown: usize = groups(policy, filter.from.as_ref(), fold)
        .iter()
        .map(|group| if fold == Fold::Classes { group.count } else { 0 })
        .sum();
    let all = units(policy, None).len();
    let isolated = |direction| {
        let classes = units(policy, None);
        classes.iter().filter(|unit| !policy.isolating(direction, unit.class).is_empty()).count()
    };
    let shown = match fold {
        Fold::Classes => format!("{shown} workloads shown of {all}"),
        Fold::Namespaces => format!("{all} workloads, folded into namespaces"),
    };
    let count = |tier| policy.rulebook().iter().filter(|(_, one)| one.tier == tier).count();
    let of_tiers = [Tier::Admin, Tier::Baseline]
        .map(|tier| (count(tier), tier.name()))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"));
    let of_tiers: Vec<String> = of_tiers.collect();
    let (of_tiers, by) = if of_tiers.is_empty() {
        (String::new(), "")
    } else {
        (format!(" ({})", of_tiers.join(", ")), " by NetworkPolicies")
    };
    let _ = writeln!(
        out,
        "{shown}, {} policies{of_tiers}; isolated{by} for ingress: {} of {all}, for egress: {} of \
         {all}{unfold}",
        policy.rulebook().len(),
        isolated(Direction::Ingress),
        isolated(Direction::Egress),
    );
    out
}
