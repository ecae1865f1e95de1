//! Rulebook and cluster to a [`CompiledPolicy`]: for every behaviour that endpoints have in a
//! direction, a row that says what flows with whom. A cell is the intersection of two rows and is
//! never stored.

mod accepts;
mod change;
mod class;
mod facts;
mod layer;
mod layered;
mod plan;
mod row;
mod tier;
mod value;

use std::collections::BTreeMap;

pub(crate) use accepts::Accepts;
pub use change::Change;
pub use class::ClassId;
pub(crate) use class::{Classes, FAMILIES};
pub(crate) use plan::PortName;
pub(crate) use row::{Row, RowId};
pub(crate) use tier::{End, Other, RowReading, Told, World};
pub use value::Cell;
pub(crate) use value::{Pair, TrafficId, ValueId, Values};

use self::class::{News, Split};
use self::layered::Layers;
use self::plan::Plans;
use self::row::{Ground, RowKey};
use crate::cluster::{Cluster, EndpointId};
use crate::dialect;
use crate::limits;
use crate::manifest::document::{Kind, Object};
use crate::map::Map;
use crate::netset::{Cidr, Direction, Members};
use crate::profile::{BaselineReach, BlockCovers, HostNetwork, Profile};
use crate::rulebook::{Policy, PolicyId, Rulebook, Tier};

/// How to read what the manifests leave open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Who enforces.
    pub profile: Profile,
    /// The addresses of pods off the host's network, where the nodes' `podCIDRs` do not say (C26).
    pub pod_cidrs: Vec<Cidr>,
}

/// How much work was done since the policy was compiled; what a change costs is told by these,
/// not by a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Classes that came out of others.
    pub classes_split: u64,
    /// Classes that came with new endpoints.
    pub classes_added: u64,
    /// Peers whose members were worked out from labels.
    pub peers_evaluated: u64,
    /// Rows worked out over all classes.
    pub rows_computed: u64,
    /// Rows to which new classes were added.
    pub rows_extended: u64,
    /// How often all was worked out again: where nodes that rules speak of changed, or rules first
    /// spoke of nodes or of Baseline.
    pub rebuilt: u64,
}

impl Work {
    fn plus(self, other: Work) -> Work {
        Work {
            classes_split: self.classes_split + other.classes_split,
            classes_added: self.classes_added + other.classes_added,
            peers_evaluated: self.peers_evaluated + other.peers_evaluated,
            rows_computed: self.rows_computed + other.rows_computed,
            rows_extended: self.rows_extended + other.rows_extended,
            rebuilt: self.rebuilt + other.rebuilt,
        }
    }
}

/// The rows of one direction.
#[derive(Clone, Debug, Default)]
struct Rows {
    list: Vec<Option<Row>>,
    ids: Map<RowKey, RowId>,
    free: Vec<RowId>,
    of_class: Vec<RowId>,
    policies_of_class: Vec<Vec<PolicyId>>,
}

/// Which flows are allowed, ready to be asked.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    options: Options,
    readings: Vec<RowReading>,
    /// The names of ports that the readings settle.
    joint: Vec<PortName>,
    cluster: Cluster,
    rulebook: Rulebook,
    classes: Classes,
    plans: Plans,
    values: Values,
    layers: Layers,
    ingress: Rows,
    egress: Rows,
    work: Work,
}

/// Compiles objects: policies into rules, the rest into a cluster. Of two objects of one kind,
/// namespace and name the later counts (C25).
///
/// ```
/// use policy_core::compile::{Options, compile};
/// use policy_core::profile::Profile;
///
/// let options = Options { profile: Profile::Spec, pod_cidrs: Vec::new() };
/// let policy = compile(Vec::new(), options);
/// assert_eq!(policy.cluster().endpoints().count(), 0);
/// ```
pub fn compile(objects: impl IntoIterator<Item = Object>, options: Options) -> CompiledPolicy {
    let mut rulebook = Rulebook::default();
    let mut others = Vec::new();
    for object in objects {
        match dialect::lower(&object) {
            Some(policy) => {
                rulebook.put(policy);
            }
            None => others.push(object),
        }
    }
    let cluster = Cluster::resolve(others, &options.pod_cidrs);
    CompiledPolicy::new(rulebook, cluster, options)
}

impl CompiledPolicy {
    /// Compiles a rulebook against a cluster.
    pub fn new(rulebook: Rulebook, cluster: Cluster, options: Options) -> CompiledPolicy {
        let has_baseline = rulebook.iter().any(|(_, policy)| policy.tier == Tier::Baseline);
        let mut policy = CompiledPolicy {
            options,
            readings: Vec::new(),
            joint: Vec::new(),
            cluster,
            rulebook,
            classes: Classes::new(),
            plans: Plans::default(),
            values: Values::new(0),
            layers: Layers::default(),
            ingress: Rows::default(),
            egress: Rows::default(),
            work: Work::default(),
        };
        let mut news = News::default();
        let covers = policy.blocks_cover_pods();
        for (_, one) in policy.rulebook.iter() {
            Plans::require(one, &mut policy.cluster, &mut policy.classes, covers, &mut news);
        }
        policy.classes.fill(&policy.cluster);
        policy.joint = policy.classes.ambiguous_names();
        policy.joint.truncate(limits::JOINT_NAMES);
        policy.readings = row_readings(policy.options.profile, has_baseline, policy.joint.len());
        policy.values = Values::new(policy.readings.len());
        for (id, one) in policy.rulebook.iter() {
            policy.plans.add(id, one, &policy.cluster, &policy.classes, &mut policy.values);
        }
        for direction in Direction::ALL {
            let count = policy.classes.len();
            let mut of_class: Vec<Vec<PolicyId>> = vec![Vec::new(); count];
            for (id, plan) in policy.plans.iter() {
                if plan.matches(direction).is_none() {
                    continue;
                }
                for class in plan.subject.iter() {
                    if let Some(own) = of_class.get_mut(class as usize) {
                        own.push(id);
                    }
                }
            }
            for own in &mut of_class {
                policy.plans.sort(own);
            }
            let rows = policy.rows_mut(direction);
            rows.policies_of_class = of_class;
            rows.of_class = vec![RowId(0); count];
        }
        for direction in Direction::ALL {
            policy.assign_rows(direction, &policy.classes.all().clone());
        }
        policy
    }

    /// What was resolved of the cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What the policies mean.
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// How the manifests are read.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How much work was done so far.
    pub fn work(&self) -> Work {
        Work { peers_evaluated: self.plans.peers_evaluated, ..self.work }
    }

    /// The class of an endpoint.
    pub fn class_of(&self, endpoint: EndpointId) -> Option<ClassId> {
        self.classes.class_of(endpoint)
    }

    /// What two classes may exchange, a pod with itself and its own node aside.
    pub fn cell(&self, from: ClassId, to: ClassId) -> Cell {
        let out = self.row(Direction::Egress, from).map(|row| row.value(to.0));
        let into = self.row(Direction::Ingress, to).map(|row| row.value(from.0));
        match (out, into) {
            (Some(out), Some(into)) => self.values.combine(out, into),
            _ => Cell::default(),
        }
    }

    /// The NetworkPolicies that select the endpoints of a class and isolate them for a direction.
    pub fn isolating(&self, direction: Direction, class: ClassId) -> &[PolicyId] {
        let all = self.speaking(direction, class);
        let tier = |id: &PolicyId| self.plans.get(*id).map(|plan| plan.tier);
        let count = all.partition_point(|id| tier(id) == Some(Tier::NetworkPolicy));
        all.get(..count).unwrap_or_default()
    }

    /// Every policy that selects the endpoints of a class and speaks of a direction,
    /// NetworkPolicies first.
    pub(crate) fn speaking(&self, direction: Direction, class: ClassId) -> &[PolicyId] {
        let own = self.rows(direction).policies_of_class.get(class.0 as usize);
        own.map_or(&[], Vec::as_slice)
    }

    /// The policies of administrators among them, by tier and rank.
    pub fn governing(&self, direction: Direction, class: ClassId) -> Vec<&Policy> {
        let count = self.isolating(direction, class).len();
        let all = self.speaking(direction, class).iter().skip(count);
        let mut policies: Vec<&Policy> = all.filter_map(|id| self.rulebook.get(*id)).collect();
        policies.sort_by(|a, b| (a.tier, a.rank, &a.origin).cmp(&(b.tier, b.rank, &b.origin)));
        policies
    }

    /// Whether NetworkPolicies isolate a class for the other direction only.
    pub(crate) fn is_selected_elsewhere(&self, direction: Direction, class: ClassId) -> bool {
        let other = match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        self.isolating(direction, class).is_empty() && !self.isolating(other, class).is_empty()
    }

    /// The joint readings that rows keep apart, in the order of their slots.
    pub(crate) fn readings(&self) -> &[RowReading] {
        &self.readings
    }

    /// The names of ports that those readings settle.
    pub(crate) fn joint_names(&self) -> &[PortName] {
        &self.joint
    }

    pub(crate) fn classes(&self) -> &Classes {
        &self.classes
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn row(&self, direction: Direction, class: ClassId) -> Option<&Row> {
        self.row_at(direction, self.row_id(direction, class)?)
    }

    pub(crate) fn row_id(&self, direction: Direction, class: ClassId) -> Option<RowId> {
        self.rows(direction).of_class.get(class.0 as usize).copied()
    }

    pub(crate) fn row_at(&self, direction: Direction, id: RowId) -> Option<&Row> {
        self.rows(direction).list.get(id.0 as usize)?.as_ref()
    }

    /// The rows of a direction that some class has.
    pub(crate) fn rows_in_use(&self, direction: Direction) -> impl Iterator<Item = (RowId, &Row)> {
        let list = (0..).map(RowId).zip(&self.rows(direction).list);
        list.filter_map(|(id, row)| Some((id, row.as_ref()?)))
    }

    fn rows(&self, direction: Direction) -> &Rows {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    fn rows_mut(&mut self, direction: Direction) -> &mut Rows {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    fn blocks_cover_pods(&self) -> bool {
        self.options.profile.block_covers() == BlockCovers::EveryAddress
    }

    fn row_key(&self, direction: Direction, class: u32) -> RowKey {
        let Some(class_data) = self.classes.get(ClassId(class)) else { return RowKey::open() };
        let host_network = class_data.key.host_network;
        let ever_subject =
            !host_network || self.options.profile.host_network().contains(&HostNetwork::Ordinary);
        let policies = self.speaking(direction, ClassId(class));
        if policies.is_empty() || !ever_subject {
            return RowKey::open();
        }
        let ports = match direction {
            Direction::Egress => Box::default(),
            Direction::Ingress => {
                let plans = policies.iter().filter_map(|id| self.plans.get(*id));
                let named: Vec<PortName> = plans
                    .filter_map(|plan| plan.matches(direction))
                    .flatten()
                    .flat_map(|one| one.named.iter().copied())
                    .collect();
                let own = class_data.key.ports.iter().copied();
                own.filter(|port| {
                    named.contains(&PortName { name: port.name, protocol: port.protocol })
                })
                .collect()
            }
        };
        let tier = |id: &PolicyId| self.plans.get(*id).map(|plan| plan.tier);
        let selected_elsewhere = self.readings.iter().any(|one| one.baseline == BaselineReach::Pod)
            && policies.iter().any(|id| tier(id) == Some(Tier::Baseline))
            && self.is_selected_elsewhere(direction, ClassId(class));
        RowKey { policies: policies.into(), ports, host_network, selected_elsewhere }
    }

    /// What rows are worked out from.
    fn ground(&self) -> Ground<'_> {
        Ground {
            profile: self.options.profile,
            readings: &self.readings,
            joint: &self.joint,
            rulebook: &self.rulebook,
            cluster: &self.cluster,
            classes: &self.classes,
            plans: &self.plans,
        }
    }

    /// Gives classes the rows that their policies ask for, and works out those that are new.
    fn assign_rows(&mut self, direction: Direction, classes: &Members) {
        let mut joining: BTreeMap<RowKey, Vec<u32>> = BTreeMap::new();
        for class in classes.iter() {
            joining.entry(self.row_key(direction, class)).or_default().push(class);
        }
        let mut by_first: Vec<(RowKey, Vec<u32>)> = joining.into_iter().collect();
        by_first.sort_by_key(|(_, classes)| classes.first().copied());
        for (key, classes) in by_first {
            let known = self.rows(direction).ids.get(&key).copied();
            let id = known.unwrap_or_else(|| {
                let all = self.classes.all().clone();
                let row = self.work_out(direction, key.clone(), &all);
                self.work.rows_computed += 1;
                self.rows_mut(direction).add(key, row)
            });
            let rows = self.rows_mut(direction);
            let members: Members = classes.iter().copied().collect();
            if let Some(row) = rows.list.get_mut(id.0 as usize).and_then(Option::as_mut) {
                row.subjects = row.subjects.union(&members);
            }
            for class in classes {
                if let Some(own) = rows.of_class.get_mut(class as usize) {
                    *own = id;
                }
            }
        }
    }

    fn work_out(&mut self, direction: Direction, key: RowKey, universe: &Members) -> Row {
        let ground = Ground {
            profile: self.options.profile,
            readings: &self.readings,
            joint: &self.joint,
            rulebook: &self.rulebook,
            cluster: &self.cluster,
            classes: &self.classes,
            plans: &self.plans,
        };
        row::work_out(&ground, &mut self.values, &mut self.layers, direction, key, universe)
    }

    /// Starts over, with the same objects.
    fn rebuild(&mut self) {
        let rulebook = std::mem::take(&mut self.rulebook);
        let cluster = std::mem::take(&mut self.cluster);
        let before = self.work;
        *self = CompiledPolicy::new(rulebook, cluster, self.options.clone());
        self.work = Work { rebuilt: before.rebuilt + 1, ..before.plus(self.work) };
    }
}

impl Rows {
    fn add(&mut self, key: RowKey, row: Row) -> RowId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            RowId(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.list.get_mut(id.0 as usize) {
            *slot = Some(row);
        }
        self.ids.insert(key, id);
        id
    }

    /// Takes classes out of their rows; rows that nobody has any more go.
    fn leave(&mut self, classes: &Members) {
        let mut leaving: BTreeMap<RowId, Vec<u32>> = BTreeMap::new();
        for class in classes.iter() {
            if let Some(id) = self.of_class.get(class as usize) {
                leaving.entry(*id).or_default().push(class);
            }
        }
        for (id, classes) in leaving {
            let Some(slot) = self.list.get_mut(id.0 as usize) else { continue };
            let Some(row) = slot else { continue };
            let members: Members = classes.into_iter().collect();
            row.subjects = row.subjects.difference(&members);
            if row.subjects.is_empty() {
                self.ids.remove(&row.key);
                *slot = None;
                self.free.push(id);
            }
        }
    }
}

/// Classes that were divided, and who came out of each: whoever holds the one takes up the others.
pub(crate) struct Copies {
    from: Members,
    new: BTreeMap<u32, Vec<u32>>,
    known: Map<Members, Members>,
}

impl Copies {
    fn new(splits: &[Split]) -> Copies {
        let mut new: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for split in splits {
            new.entry(split.from.0).or_default().push(split.new.0);
        }
        Copies { from: new.keys().copied().collect(), new, known: Map::default() }
    }

    /// Adds the new classes whose originals a set holds.
    pub(crate) fn extend(&mut self, set: &mut Members) {
        let held = set.intersection(&self.from);
        if held.is_empty() {
            return;
        }
        let new = &self.new;
        let added = self.known.entry(held).or_insert_with_key(|held| {
            held.iter().filter_map(|class| new.get(&class)).flatten().copied().collect()
        });
        *set = set.union(added);
    }
}

/// The joint readings that rows keep apart: C16 only where anything hangs on it, and each way in
/// which so many names of ports may mean a port.
fn row_readings(profile: Profile, has_baseline: bool, names: usize) -> Vec<RowReading> {
    let reaches = profile.baseline_reach();
    let reaches = if has_baseline { reaches } else { reaches.get(..1).unwrap_or_default() };
    let of_host = |host_network: &HostNetwork| {
        let host_network = *host_network;
        reaches.iter().flat_map(move |baseline| {
            let all = 0..1_u16.checked_shl(u32::try_from(names).unwrap_or(0)).unwrap_or(1);
            all.map(move |names| RowReading { host_network, baseline: *baseline, names })
        })
    };
    profile.host_network().iter().flat_map(of_host).collect()
}

/// Whether a change to an object of the kind is a change of policy.
fn is_policy(kind: Kind) -> bool {
    kind.is_policy()
}
