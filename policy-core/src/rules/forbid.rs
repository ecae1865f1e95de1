//! `forbid`: nothing flows, but for what is excepted.

use super::cells::Cells;
use super::ends::{Area, Ends, subtract};
use super::roster::Roster;
use crate::compile::Cell;
use crate::manifest::document::{Exception, PolicyPort};
use crate::netset::Traffic;

/// What flows, or may, from these to those on these ports, without what is excepted.
pub(super) fn broken(
    roster: &Roster<'_>,
    from: &Ends,
    to: &Ends,
    ports: Option<&[PolicyPort]>,
    except: &[Exception],
) -> Vec<Area> {
    let excepted = exceptions(roster, from, to, ports, except);
    let mut cells = Cells::new(roster);
    let mut areas = Vec::new();
    for (to, traffic) in roster.by_ports(to, ports) {
        let wanted = |cell: &Cell| flows(cell).intersects(&traffic);
        cells.each(from, &to, &wanted, &mut |from, to, cell| {
            let traffic = flows(cell).intersection(&traffic);
            let mut own = vec![Area { from, to, traffic, cell: cell.clone() }];
            for (from, to, traffic) in &excepted {
                own = subtract(own, from, to, traffic);
            }
            areas.extend(own);
        });
    }
    areas
}

/// What is excepted, with a rule's own parts where an exception has none.
pub(super) fn exceptions(
    roster: &Roster<'_>,
    from: &Ends,
    to: &Ends,
    ports: Option<&[PolicyPort]>,
    except: &[Exception],
) -> Vec<(Ends, Ends, Traffic)> {
    let mut all = Vec::new();
    for one in except {
        let side = |own: &Option<Vec<_>>, rule: &Ends| match own {
            Some(peers) => roster.ends(peers),
            None => rule.clone(),
        };
        let (from, to) = (side(&one.from, from), side(&one.to, to));
        for (to, traffic) in roster.by_ports(&to, one.ports.as_deref().or(ports)) {
            all.push((from.clone(), to, traffic));
        }
    }
    all
}

/// What of a cell flows in some reading.
pub(super) fn flows(cell: &Cell) -> Traffic {
    cell.allowed.union(&cell.depends)
}
