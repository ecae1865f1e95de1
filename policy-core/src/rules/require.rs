//! `require`: it flows, for certain.

use super::cells::Cells;
use super::ends::{Area, Ends};
use super::roster::Roster;
use crate::compile::Cell;
use crate::manifest::document::{PolicyPort, RuleReach};
use crate::netset::Members;

/// What does not flow for certain and should: with `Any`, from those that reach nobody.
pub(super) fn broken(
    roster: &Roster<'_>,
    from: &Ends,
    to: &Ends,
    ports: Option<&[PolicyPort]>,
    reach: RuleReach,
) -> Vec<Area> {
    let mut cells = Cells::new(roster);
    let mut missing = Vec::new();
    let mut reaching = Ends::default();
    for (to, traffic) in roster.by_ports(to, ports) {
        let wanted = |_: &Cell| true;
        cells.each(from, &to, &wanted, &mut |from, to, cell| {
            if cell.allowed.intersects(&traffic) {
                reaching = reaching.union(&others(roster, &from, &to));
            }
            let traffic = traffic.difference(&cell.allowed);
            if !traffic.is_empty() {
                missing.push(Area { from, to, traffic, cell: cell.clone() });
            }
        });
    }
    match reach {
        RuleReach::All => missing,
        RuleReach::Any => missing
            .into_iter()
            .filter_map(|area| {
                let from = area.from.difference(&reaching);
                (!from.is_empty()).then_some(Area { from, ..area })
            })
            .collect(),
    }
}

/// The sources of a block that have a destination beside themselves.
fn others(roster: &Roster<'_>, from: &Ends, to: &Ends) -> Ends {
    let mut pods = to.pods.iter();
    let only = match (pods.next(), pods.next()) {
        (Some(only), None) if to.nodes.is_empty() && to.addresses.is_empty() => only,
        _ => return from.clone(),
    };
    if !roster.is_pod(only) {
        return from.clone();
    }
    Ends { pods: from.pods.difference(&Members::single(only)), ..from.clone() }
}
