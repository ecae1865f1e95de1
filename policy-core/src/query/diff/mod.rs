//! What changes open and close: the difference of two matrices, told by who changed it.
//!
//! The second side is the first with the changes made. Only the rows that they touch are compared,
//! so the cost follows the size of the change.

mod cause;
mod changes;
mod compare;
mod ends;
mod merge;
mod names;
mod radius;
mod trial;

use std::net::IpAddr;

pub use changes::{Changes, Texts, changes};
pub use compare::DiffWork;

use self::cause::Causes;
use self::ends::Ends;
use super::Reach;
use crate::compile::{Change, CompiledPolicy};
use crate::manifest::document::{Kind, ObjectKey, Place};
use crate::netset::{Members, Traffic};

/// What a difference is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Who stands in blocks, by number: by namespace and name.
    pub ends: Vec<DiffEnd>,
    /// The flows whose verdict is not what it was, in disjoint blocks: by turn, the most exposing
    /// first, then by name.
    pub blocks: Vec<DiffBlock>,
    /// What is allowed as it was between ends of which something else changed.
    pub kept: Vec<KeptBlock>,
    /// Every object that changed, by kind, namespace and name.
    pub objects: Vec<ChangedObject>,
    /// How far ends reach of whose flows something changed, where that moved: the greatest growth
    /// first. That a workload has more pods than it had changes no flow.
    pub radius: Vec<RadiusMoved>,
    /// How many ends beside them may reach another number: their growth is not greater.
    pub radius_more: u64,
    /// How much was looked at.
    pub work: DiffWork,
}

impl Diff {
    /// The blocks of a turn.
    pub fn of(&self, turn: Turn) -> impl Iterator<Item = &DiffBlock> {
        self.blocks.iter().filter(move |block| block.turn == turn)
    }

    /// The pods and workloads of one side of a block, by namespace and name.
    pub fn units(&self, ends: &DiffEnds) -> impl Iterator<Item = &DiffUnit> {
        let mut units: Vec<&DiffUnit> = ends
            .ends
            .iter()
            .filter_map(|end| self.ends.get(end as usize))
            .flat_map(|end| &end.units)
            .collect();
        units.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        units.into_iter()
    }

    /// Only what comes from or goes to some namespaces.
    #[must_use]
    pub fn within(&self, namespaces: &[String]) -> Diff {
        let meant = |name: &str| namespaces.iter().any(|own| own == name);
        let is_in =
            |end: &u32| self.ends.get(*end as usize).is_some_and(|own| meant(&own.namespace));
        let inside: Members =
            (0..u32::try_from(self.ends.len()).unwrap_or(u32::MAX)).filter(is_in).collect();
        // From those inside to all, and from all others to those inside.
        let cut = |from: &DiffEnds, to: &DiffEnds| -> Vec<(DiffEnds, DiffEnds)> {
            let only = |ends: &DiffEnds| DiffEnds {
                ends: ends.ends.intersection(&inside),
                addresses: Vec::new(),
            };
            let rest = DiffEnds { ends: from.ends.difference(&inside), ..from.clone() };
            let parts = [(only(from), to.clone()), (rest, only(to))];
            let is_some = |ends: &DiffEnds| !ends.ends.is_empty() || !ends.addresses.is_empty();
            parts.into_iter().filter(|(from, to)| is_some(from) && is_some(to)).collect()
        };
        let named: Vec<(u32, DiffEnd)> = (0..).zip(self.ends.iter().cloned()).collect();
        let mut found = self.clone();
        found.blocks = self
            .blocks
            .iter()
            .flat_map(|block| {
                cut(&block.from, &block.to).into_iter().map(|(from, to)| DiffBlock {
                    exposure: merge::exposure(&named, &from, &to),
                    from,
                    to,
                    ..block.clone()
                })
            })
            .collect();
        merge::sort(&mut found.blocks);
        found.kept = self
            .kept
            .iter()
            .flat_map(|block| {
                cut(&block.from, &block.to).into_iter().map(|(from, to)| KeptBlock {
                    from,
                    to,
                    ..block.clone()
                })
            })
            .collect();
        found.radius.retain(|one| meant(&one.namespace));
        found.objects.retain(|one| {
            let own = match one.key.kind {
                Kind::Namespace => one.key.name.as_str(),
                _ => one.key.namespace.as_str(),
            };
            let is_cause = found.blocks.iter().flat_map(|block| &block.because).any(|cause| {
                cause.kind == one.key.kind.name()
                    && cause.namespace == one.key.namespace
                    && cause.name == one.key.name
            });
            meant(own) || is_cause || (own.is_empty() && one.effect != Effect::Flows)
        });
        found
    }
}

/// A verdict of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Denied, or an end is not there.
    Deny,
    /// Allowed in some readings.
    Depends,
    /// Allowed.
    Allow,
}

impl Level {
    /// All of them.
    pub const ALL: [Level; 3] = [Level::Deny, Level::Depends, Level::Allow];

    /// `allow`, `deny` or `depends`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Deny => "deny",
            Level::Depends => "depends",
            Level::Allow => "allow",
        }
    }
}

/// How a verdict changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Denied before, allowed now.
    Opened,
    /// Sure before, open to readings now.
    ToDepends,
    /// Open to readings before, sure now.
    FromDepends,
    /// Allowed before, denied now.
    Closed,
}

impl Turn {
    /// All of them, in the order of blocks.
    pub const ALL: [Turn; 4] = [Turn::Opened, Turn::ToDepends, Turn::FromDepends, Turn::Closed];

    /// The turn from one verdict to another, if they are not the same.
    pub fn of(before: Level, after: Level) -> Option<Turn> {
        match (before, after) {
            (Level::Deny, Level::Allow) => Some(Turn::Opened),
            (Level::Allow, Level::Deny) => Some(Turn::Closed),
            (Level::Deny | Level::Allow, Level::Depends) => Some(Turn::ToDepends),
            (Level::Depends, Level::Deny | Level::Allow) => Some(Turn::FromDepends),
            (Level::Deny, Level::Deny)
            | (Level::Depends, Level::Depends)
            | (Level::Allow, Level::Allow) => None,
        }
    }
}

/// How exposed the ends of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposure {
    /// Some of it comes from outside of the cluster.
    FromOutside,
    /// Some of it goes to the outside.
    ToOutside,
    /// Some of it crosses namespaces.
    AcrossNamespaces,
    /// All of it stays within a namespace.
    WithinNamespace,
}

impl Exposure {
    /// As JSON says it: `fromOutside`.
    pub fn name(self) -> &'static str {
        match self {
            Exposure::FromOutside => "fromOutside",
            Exposure::ToOutside => "toOutside",
            Exposure::AcrossNamespaces => "acrossNamespaces",
            Exposure::WithinNamespace => "withinNamespace",
        }
    }
}

/// On which sides an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// On both.
    Both,
    /// On the first only.
    Removed,
    /// On the second only.
    Added,
}

/// Pods and workloads of a namespace that no rule tells apart, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffEnd {
    /// Their namespace.
    pub namespace: String,
    /// Their names: workloads whose pods are all among them, else pods.
    pub units: Vec<DiffUnit>,
    /// On which sides they are.
    pub presence: Presence,
}

/// A workload, or a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiffUnit {
    /// Its namespace.
    pub namespace: String,
    /// `NAMESPACE/NAME`, with the kind in front where that would name two.
    pub name: String,
    /// How many pods it had; a template counts for one.
    pub before: u64,
    /// How many pods it has.
    pub after: u64,
    /// On each side, whether it is pods, and not a template of any number.
    pub is_pods: (bool, bool),
}

/// One side of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiffEnds {
    /// Ends, by number.
    pub ends: Members,
    /// Ranges of addresses outside, IPv4 first.
    pub addresses: Vec<(IpAddr, IpAddr)>,
}

/// What changed from each of some to each of some, for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffBlock {
    /// How.
    pub turn: Turn,
    /// The verdict before.
    pub before: Level,
    /// The verdict after.
    pub after: Level,
    /// The sources.
    pub from: DiffEnds,
    /// The destinations.
    pub to: DiffEnds,
    /// What.
    pub traffic: Traffic,
    /// What changed it: without any of these it would not have; or, where several would have done
    /// it alone, those; or all together.
    pub because: Vec<Cause>,
    /// How exposed.
    pub exposure: Exposure,
}

/// What is allowed as it was, from each of some to each of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBlock {
    /// The sources.
    pub from: DiffEnds,
    /// The destinations.
    pub to: DiffEnds,
    /// What.
    pub traffic: Traffic,
}

/// How an object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

impl How {
    /// `added`, `removed` or `changed`.
    pub fn name(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Removed => "removed",
            How::Changed => "changed",
        }
    }
}

/// An object that changed flows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// Its kind: `NetworkPolicy`, or the kind of a workload that was not read itself.
    pub kind: String,
    /// Its namespace; empty for a kind that has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How it changed.
    pub how: How,
    /// What of it, where that can be said: `labels`, `ports`, `addresses`.
    pub what: Vec<&'static str>,
}

/// What a change of an object comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It is among the causes of some block.
    Flows,
    /// No flow between pods or with the outside changes because of it.
    NoFlow,
    /// It is written in other words that mean the same.
    SameMeaning,
}

impl Effect {
    /// As JSON says it: `sameMeaning`.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Flows => "flows",
            Effect::NoFlow => "noFlow",
            Effect::SameMeaning => "sameMeaning",
        }
    }
}

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedObject {
    /// Which.
    pub key: ObjectKey,
    /// How.
    pub how: How,
    /// Where it was read on the second side, if it is there.
    pub place: Option<Place>,
    /// What that comes to.
    pub effect: Effect,
}

/// How far some reach, in pods, each itself aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadiusMoved {
    /// Their namespace.
    pub namespace: String,
    /// Who, by name: each of their pods reaches as far.
    pub units: Vec<String>,
    /// How many pods it reached, and reaches, where that moved.
    pub reaches: Option<(Reach, Reach)>,
    /// How many pods reached it, and reach it, where that moved.
    pub reached_by: Option<(Reach, Reach)>,
}

/// Makes changes, and says what they open and close. The policy is afterwards the second side.
///
/// `radii`: of how many ends the blast radius is counted, the greatest growth first. Counting it of
/// all is as much work as a matrix where a change touches all.
///
/// ```
/// use policy_core::compile::{Options, compile};
/// use policy_core::profile::Profile;
/// use policy_core::query::{Changes, diff};
///
/// let options = Options { profile: Profile::Spec, pod_cidrs: Vec::new() };
/// let mut policy = compile(Vec::new(), options);
/// assert!(diff(&mut policy, Changes::default(), 10).blocks.is_empty());
/// ```
pub fn diff(policy: &mut CompiledPolicy, changes: Changes, radii: usize) -> Diff {
    let Changes { list, same_meaning } = changes;
    let mut objects = described(policy, &list);
    let record = policy.change_recorded(list);
    let ends = Ends::new(policy, &record);
    let (differences, work) = compare::differences(&ends);
    let (radius, more) = radius::moved(&ends, &differences, radii);
    let mut causes = Causes::new(&ends);
    let mut pieces = Vec::new();
    for difference in differences {
        causes.pieces(difference, &mut |piece| pieces.push(piece));
    }
    let mut found = merge::blocks(&ends, pieces, radius);
    for (key, place) in same_meaning {
        let (how, effect) = (How::Changed, Effect::SameMeaning);
        objects.retain(|own| own.key != key);
        objects.push(ChangedObject { key, how, place: Some(place), effect });
    }
    for object in &mut objects {
        if object.effect != Effect::SameMeaning && found.counts(&object.key) {
            object.effect = Effect::Flows;
        }
    }
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    found.diff.objects = objects;
    found.diff.work = work;
    found.diff.radius_more = more;
    found.diff
}

/// The objects that changes are about.
fn described(policy: &CompiledPolicy, changes: &[Change]) -> Vec<ChangedObject> {
    let is_there = |key: &ObjectKey| {
        policy.rulebook().of(key).is_some() || policy.cluster().object(key).is_some()
    };
    let one = |change: &Change| match change {
        Change::Put(object) => {
            let how = if is_there(&object.key) { How::Changed } else { How::Added };
            let place = Some(object.place);
            ChangedObject { key: object.key.clone(), how, place, effect: Effect::NoFlow }
        }
        Change::Remove(key) => ChangedObject {
            key: key.clone(),
            how: How::Removed,
            place: None,
            effect: Effect::NoFlow,
        },
    };
    changes.iter().map(one).collect()
}
