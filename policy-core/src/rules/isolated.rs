//! `isolated`: NetworkPolicies select each pod, for each direction.

use super::ends::Ends;
use super::roster::Roster;
use crate::compile::ClassId;
use crate::netset::{Direction, Members};

/// For each direction, those that no NetworkPolicy selects.
pub(super) fn broken(
    roster: &Roster<'_>,
    pods: &Ends,
    except: &Ends,
    directions: &[Direction],
) -> Vec<(Direction, Members)> {
    let judged = pods.pods.difference(&except.pods);
    let classes = roster.classes(&judged);
    let open = |direction: Direction| {
        let open = classes
            .iter()
            .filter(|class| roster.policy.isolating(direction, ClassId(*class)).is_empty());
        let classes: Members = open.collect();
        (direction, roster.ranks(&classes).intersection(&judged))
    };
    directions
        .iter()
        .map(|direction| open(*direction))
        .filter(|(_, open)| !open.is_empty())
        .collect()
}
