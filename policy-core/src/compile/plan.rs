//! Policies with their selectors resolved: sets of classes in place of labels.

use std::collections::BTreeSet;

use super::class::{ClassId, Classes, FAMILIES, News};
use super::value::{TrafficId, Values};
use crate::cluster::{Cluster, NamespaceId, Selector, Symbol, number};
use crate::map::Map;
use crate::netset::{AddressSet, Direction, Family, Members, PortSet, Protocol, Traffic};
use crate::rulebook::{
    Action, Match, Namespaces, Peer, Peers, PodMatch, Policy, PolicyId, Port, Ports, Rank, Tier,
};

/// A named port: the name counts for one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortName {
    pub(crate) name: Symbol,
    pub(crate) protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BlockId(u32);

/// A policy over classes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tier: Tier,
    pub(crate) rank: Rank,
    /// Where its subject stands, if that is one namespace.
    namespace: Option<NamespaceId>,
    /// The classes that it selects.
    pub(crate) subject: Members,
    pub(crate) ingress: Option<Box<[MatchPlan]>>,
    pub(crate) egress: Option<Box<[MatchPlan]>>,
}

impl Plan {
    pub(crate) fn matches(&self, direction: Direction) -> Option<&[MatchPlan]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> {
        let matches = self.ingress.iter().chain(&self.egress).flatten();
        matches.flat_map(|one| one.pods.iter().copied())
    }
}

/// A match over classes.
#[derive(Clone, Debug)]
pub(crate) struct MatchPlan {
    pub(crate) action: Action,
    /// The ports that are given by number.
    pub(crate) fixed: TrafficId,
    /// The ports that are given by name.
    pub(crate) named: Box<[PortName]>,
    /// Whether it speaks of everyone.
    pub(crate) everyone: bool,
    /// Pods that it speaks of.
    pub(crate) pods: Box<[PeerId]>,
    /// Addresses that it speaks of.
    pub(crate) block: Option<BlockId>,
    /// Nodes that it speaks of.
    pub(crate) nodes: Box<[Selector]>,
    /// Whether it speaks of names of addresses outside.
    pub(crate) domain_names: bool,
}

/// A peer: pods of a selector in a namespace, or in the namespaces of a scope.
#[derive(Clone, Debug)]
struct PeerEntry {
    whence: Whence,
    pods: Selector,
    members: Members,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whence {
    Namespace(NamespaceId),
    Scope(usize),
}

/// The namespaces with such labels, and the classes there.
#[derive(Clone, Debug)]
struct Scope {
    namespaces: Selector,
    classes: Members,
}

/// A set of addresses of some match.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) addresses: AddressSet,
    /// The classes whose known address of the family lies in it, IPv4 first.
    pub(crate) members: [Members; 2],
}

impl Block {
    /// Its ranges of one family as numbers, in order.
    pub(crate) fn ranges(&self, family: Family) -> impl Iterator<Item = (u128, u128)> {
        ranges(&self.addresses, family)
    }
}

/// The ranges of one family as numbers, in order.
pub(crate) fn ranges(addresses: &AddressSet, family: Family) -> impl Iterator<Item = (u128, u128)> {
    let all = addresses.ranges();
    let own = all.filter(move |(first, _)| Family::of(*first) == family);
    own.map(|(first, last)| (number(first), number(last)))
}

/// Every plan, and the peers and blocks that plans share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Option<Plan>>,
    scopes: Vec<Scope>,
    scope_ids: Map<Selector, usize>,
    /// The classes anywhere that a pod selector of some scoped peer matches.
    selected: Map<Selector, Members>,
    peers: Vec<PeerEntry>,
    peer_ids: Map<PodMatch, PeerId>,
    blocks: Vec<Block>,
    block_ids: Map<AddressSet, BlockId>,
    /// How many times the members of a peer were worked out.
    pub(crate) peers_evaluated: u64,
}

impl Plans {
    /// Notes which keys, port names and boundaries a policy brings into use.
    pub(crate) fn require(
        policy: &Policy,
        cluster: &mut Cluster,
        classes: &mut Classes,
        blocks_cover_pods: bool,
        news: &mut News,
    ) {
        let matches = policy.ingress.iter().chain(&policy.egress).flatten();
        note_keys(&policy.subject, cluster, classes, news);
        // Networks cover pods under every profile.
        let blocks_cover_pods = blocks_cover_pods || policy.tier != Tier::NetworkPolicy;
        for one in matches {
            if let Peers::Some(peers) = &one.peers {
                for peer in peers {
                    match peer {
                        Peer::Pods(pods) => note_keys(pods, cluster, classes, news),
                        Peer::Addresses(addresses) if blocks_cover_pods => {
                            note_boundaries(addresses, classes, news);
                        }
                        Peer::Nodes(_) => news.nodes |= classes.use_nodes(),
                        Peer::DomainNames(_) => classes.use_domain_names(),
                        Peer::Addresses(_) => {}
                    }
                }
            }
            if let Ports::Some(ports) = &one.ports {
                for (protocol, name) in ports.iter().flat_map(names) {
                    let name = cluster.symbols_mut().intern(name);
                    let name = PortName { name, protocol };
                    if classes.use_port(name, policy.tier) {
                        news.port_names.insert(name);
                    }
                }
            }
        }
    }

    /// Makes the plan of a policy; what it requires is in use.
    pub(crate) fn add(
        &mut self,
        id: PolicyId,
        policy: &Policy,
        cluster: &Cluster,
        classes: &Classes,
        values: &mut Values,
    ) {
        let namespace = match &policy.subject.namespaces {
            Namespaces::Named(name) => cluster.find_namespace(name),
            Namespaces::Labelled(_) => None,
        };
        let mut subject = evaluate(&policy.subject, cluster, classes);
        if policy.tier != Tier::NetworkPolicy {
            subject = subject.difference(classes.host_network());
        }
        let mut direction = |matches: &Option<Vec<Match>>| {
            matches.as_ref().map(|matches| {
                let plans = matches.iter();
                plans.map(|one| self.plan_match(one, cluster, classes, values)).collect()
            })
        };
        let ingress = direction(&policy.ingress);
        let egress = direction(&policy.egress);
        if self.plans.len() <= id.0 as usize {
            self.plans.resize(id.0 as usize + 1, None);
        }
        if let Some(slot) = self.plans.get_mut(id.0 as usize) {
            let (tier, rank) = (policy.tier, policy.rank);
            *slot = Some(Plan { tier, rank, namespace, subject, ingress, egress });
        }
    }

    /// Puts the policies of a class in their order: NetworkPolicies first, each by number.
    pub(crate) fn sort(&self, policies: &mut [PolicyId]) {
        let tier = |id: &PolicyId| self.get(*id).map(|plan| plan.tier);
        policies.sort_by_key(|id| (tier(id) != Some(Tier::NetworkPolicy), *id));
    }

    pub(crate) fn remove(&mut self, id: PolicyId) -> Option<Plan> {
        self.plans.get_mut(id.0 as usize).and_then(Option::take)
    }

    pub(crate) fn get(&self, id: PolicyId) -> Option<&Plan> {
        self.plans.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PolicyId, &Plan)> {
        let plans = (0..).map(PolicyId).zip(&self.plans);
        plans.filter_map(|(id, plan)| Some((id, plan.as_ref()?)))
    }

    /// Whether any match of these policies in a direction speaks of addresses.
    pub(crate) fn have_block(&self, policies: &[PolicyId], direction: Direction) -> bool {
        let plans = policies.iter().filter_map(|id| self.get(*id));
        let mut matches = plans.filter_map(|plan| plan.matches(direction)).flatten();
        matches.any(|one| one.block.is_some())
    }

    pub(crate) fn peer(&self, id: PeerId) -> Option<&Members> {
        self.peers.get(id.0 as usize).map(|entry| &entry.members)
    }

    pub(crate) fn block(&self, id: BlockId) -> Option<&Block> {
        self.blocks.get(id.0 as usize)
    }

    /// Works out the scopes again; says which peers changed, and which classes they gained or lost.
    pub(crate) fn relabel(
        &mut self,
        cluster: &Cluster,
        classes: &Classes,
    ) -> (BTreeSet<PeerId>, Members) {
        let mut moved = BTreeSet::new();
        for (id, scope) in self.scopes.iter_mut().enumerate() {
            let now = labelled(&scope.namespaces, cluster, classes);
            if now != scope.classes {
                scope.classes = now;
                moved.insert(id);
            }
        }
        let mut changed = BTreeSet::new();
        let mut shifted: Vec<Members> = Vec::new();
        for (id, entry) in (0..).map(PeerId).zip(&mut self.peers) {
            let Whence::Scope(scope) = entry.whence else { continue };
            if !moved.contains(&scope) {
                continue;
            }
            self.peers_evaluated += 1;
            let among = self.scopes.get(scope).map(|scope| &scope.classes);
            let now = match (among, self.selected.get(&entry.pods)) {
                (Some(among), Some(selected)) => among.intersection(selected),
                _ => Members::empty(),
            };
            if now != entry.members {
                shifted.extend([now.difference(&entry.members), entry.members.difference(&now)]);
                entry.members = now;
                changed.insert(id);
            }
        }
        (changed, Members::union_all(shifted.iter()))
    }

    /// Works out the subjects of administrators' policies again; says whose changed.
    pub(crate) fn relabel_subjects(
        &mut self,
        cluster: &Cluster,
        classes: &Classes,
        subject_of: impl Fn(PolicyId) -> Option<PodMatch>,
    ) -> Vec<(PolicyId, Members)> {
        let mut changed = Vec::new();
        for (id, plan) in (0..).map(PolicyId).zip(&mut self.plans) {
            let Some(plan) = plan.as_mut().filter(|plan| plan.tier != Tier::NetworkPolicy) else {
                continue;
            };
            let Some(subject) = subject_of(id) else { continue };
            let now = evaluate(&subject, cluster, classes).difference(classes.host_network());
            if now != plan.subject {
                changed.push((id, std::mem::replace(&mut plan.subject, now)));
            }
        }
        changed
    }

    /// Takes new classes, which are indexed, into every subject, peer and block.
    pub(crate) fn extend(
        &mut self,
        new: &Members,
        cluster: &Cluster,
        classes: &Classes,
        subject_of: impl Fn(PolicyId) -> Option<PodMatch>,
    ) {
        let there: BTreeSet<NamespaceId> = new
            .iter()
            .filter_map(|class| Some(classes.get(ClassId(class))?.key.namespace))
            .collect();
        for scope in &mut self.scopes {
            for &id in &there {
                let matches = cluster.namespace(id).is_some_and(|namespace| {
                    scope.namespaces.matches(|key| namespace.labels.get(key))
                });
                if let (true, Some(own)) = (matches, classes.in_namespace(id)) {
                    scope.classes = scope.classes.union(&own.intersection(new));
                }
            }
        }
        let mut selectors: Vec<&Selector> = self.peers.iter().map(|entry| &entry.pods).collect();
        selectors.sort_unstable();
        selectors.dedup();
        let mut matched: Map<Selector, Members> = Map::default();
        for selector in selectors {
            let now = classes.selected(cluster, new, selector);
            if !now.is_empty() {
                matched.insert(selector.clone(), now);
            }
        }
        for entry in &mut self.peers {
            let Some(matched) = matched.get(&entry.pods) else { continue };
            let among = match entry.whence {
                Whence::Namespace(namespace) => classes.in_namespace(namespace),
                Whence::Scope(scope) => self.scopes.get(scope).map(|scope| &scope.classes),
            };
            let now = among.map_or_else(Members::empty, |among| among.intersection(matched));
            if !now.is_empty() {
                entry.members = entry.members.union(&now);
            }
            if let (Whence::Scope(_), Some(own)) =
                (entry.whence, self.selected.get_mut(&entry.pods))
            {
                *own = own.union(matched);
            }
        }
        for (id, plan) in (0..).map(PolicyId).zip(&mut self.plans) {
            let Some(plan) = plan else { continue };
            let there = match plan.namespace {
                Some(own) => match classes.in_namespace(own) {
                    Some(there) => there.intersection(new),
                    None => continue,
                },
                None if plan.tier == Tier::NetworkPolicy => continue,
                None => new.difference(classes.host_network()),
            };
            if let (false, Some(subject)) = (there.is_empty(), subject_of(id)) {
                let own = match &subject.namespaces {
                    Namespaces::Named(_) => there,
                    Namespaces::Labelled(selector) => {
                        labelled(selector, cluster, classes).intersection(&there)
                    }
                };
                plan.subject = plan.subject.union(&classes.selected(cluster, &own, &subject.pods));
            }
        }
        self.refresh_blocks(classes);
    }

    /// Takes the copies of divided classes into every subject and peer; a copy is matched where
    /// its original was.
    pub(crate) fn copy(&mut self, copies: &mut super::Copies, classes: &Classes) {
        for scope in &mut self.scopes {
            copies.extend(&mut scope.classes);
        }
        for entry in &mut self.peers {
            copies.extend(&mut entry.members);
        }
        for entry in &self.peers {
            if let Some(own) = self.selected.get_mut(&entry.pods) {
                copies.extend(own);
            }
        }
        for plan in self.plans.iter_mut().flatten() {
            copies.extend(&mut plan.subject);
        }
        self.refresh_blocks(classes);
    }

    fn refresh_blocks(&mut self, classes: &Classes) {
        for block in &mut self.blocks {
            block.members = block_members(&block.addresses, classes);
        }
    }

    fn plan_match(
        &mut self,
        one: &Match,
        cluster: &Cluster,
        classes: &Classes,
        values: &mut Values,
    ) -> MatchPlan {
        let mut named = BTreeSet::new();
        let fixed = match &one.ports {
            Ports::Every => Traffic::all(),
            Ports::Some(ports) => {
                let mut fixed = Traffic::empty();
                for port in ports {
                    if let Port::Range(protocol, first, last) = port {
                        let range = Traffic::of(*protocol, PortSet::range(*first, *last));
                        fixed = fixed.union(&range);
                    }
                    for (protocol, name) in names(port) {
                        if let Some(name) = cluster.symbols().get(name) {
                            named.insert(PortName { name, protocol });
                        }
                    }
                }
                fixed
            }
        };
        let mut pods = BTreeSet::new();
        let mut addresses = AddressSet::empty();
        let mut nodes = BTreeSet::new();
        let mut domain_names = false;
        let everyone = match &one.peers {
            Peers::Anyone => true,
            Peers::Some(peers) => {
                for peer in peers {
                    match peer {
                        Peer::Pods(what) => {
                            pods.insert(self.peer_id(what, cluster, classes));
                        }
                        Peer::Addresses(block) => addresses = addresses.union(block),
                        Peer::Nodes(selector) => {
                            nodes.insert(selector.clone());
                        }
                        Peer::DomainNames(_) => domain_names = true,
                    }
                }
                false
            }
        };
        MatchPlan {
            action: one.action,
            nodes: nodes.into_iter().collect(),
            domain_names,
            fixed: values.traffic_id(fixed),
            named: named.into_iter().collect(),
            everyone,
            pods: pods.into_iter().collect(),
            block: (!addresses.is_empty()).then(|| self.block_id(addresses, classes)),
        }
    }

    fn peer_id(&mut self, what: &PodMatch, cluster: &Cluster, classes: &Classes) -> PeerId {
        if let Some(&known) = self.peer_ids.get(what) {
            return known;
        }
        self.peers_evaluated += 1;
        let (whence, members) = match &what.namespaces {
            Namespaces::Named(name) => {
                let id = cluster.find_namespace(name).unwrap_or(NamespaceId(u32::MAX));
                (Whence::Namespace(id), classes.selected_in(cluster, id, &what.pods))
            }
            Namespaces::Labelled(selector) => {
                let scope = self.scope_id(selector, cluster, classes);
                let selected = self.selected.entry(what.pods.clone());
                let selected = selected
                    .or_insert_with(|| classes.selected(cluster, classes.all(), &what.pods));
                let among = self.scopes.get(scope).map(|scope| &scope.classes);
                let members = among.map_or_else(Members::empty, |all| all.intersection(selected));
                (Whence::Scope(scope), members)
            }
        };
        let id = PeerId(u32::try_from(self.peers.len()).unwrap_or(u32::MAX));
        self.peers.push(PeerEntry { whence, pods: what.pods.clone(), members });
        self.peer_ids.insert(what.clone(), id);
        id
    }

    fn scope_id(&mut self, namespaces: &Selector, cluster: &Cluster, classes: &Classes) -> usize {
        if let Some(&known) = self.scope_ids.get(namespaces) {
            return known;
        }
        let id = self.scopes.len();
        let there = labelled(namespaces, cluster, classes);
        self.scopes.push(Scope { namespaces: namespaces.clone(), classes: there });
        self.scope_ids.insert(namespaces.clone(), id);
        id
    }

    fn block_id(&mut self, addresses: AddressSet, classes: &Classes) -> BlockId {
        if let Some(&known) = self.block_ids.get(&addresses) {
            return known;
        }
        let id = BlockId(u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
        let members = block_members(&addresses, classes);
        self.blocks.push(Block { addresses: addresses.clone(), members });
        self.block_ids.insert(addresses, id);
        id
    }
}

/// The names of a port with their protocols.
pub(super) fn names(port: &Port) -> impl Iterator<Item = (Protocol, &str)> {
    let (protocols, name): (&[Protocol], &str) = match port {
        Port::Named(protocol, name) => (std::slice::from_ref(protocol), name),
        Port::AnyNamed(name) => (&Protocol::ALL, name),
        Port::Range(..) | Port::Nothing => (&[], ""),
    };
    protocols.iter().map(move |protocol| (*protocol, name))
}

fn block_members(addresses: &AddressSet, classes: &Classes) -> [Members; 2] {
    FAMILIES.map(|family| {
        let parts: Vec<Members> = ranges(addresses, family)
            .map(|(first, last)| classes.between(family, first, last))
            .collect();
        Members::union_all(parts.iter())
    })
}

fn note_keys(what: &PodMatch, cluster: &mut Cluster, classes: &mut Classes, news: &mut News) {
    let namespace: Option<NamespaceId> = match &what.namespaces {
        Namespaces::Labelled(_) => None,
        // A namespace that no object stands in has no classes yet, but may get some.
        Namespaces::Named(name) => Some(cluster.namespace_id(name)),
    };
    for requirement in what.pods.requirements() {
        let key = cluster.symbols_mut().intern(&requirement.key);
        if classes.use_key(key, namespace) {
            news.keys.insert((key, namespace));
        }
    }
}

fn note_boundaries(addresses: &AddressSet, classes: &mut Classes, news: &mut News) {
    for family in FAMILIES {
        for (first, last) in ranges(addresses, family) {
            let after = last.checked_add(1).filter(|_| last < crate::cluster::last_address(family));
            for start in [Some(first), after].into_iter().flatten() {
                if classes.use_boundary(family, start) {
                    news.boundaries.insert((family, start));
                }
            }
        }
    }
}

/// The classes that a match speaks of.
fn evaluate(what: &PodMatch, cluster: &Cluster, classes: &Classes) -> Members {
    match &what.namespaces {
        Namespaces::Named(name) => match cluster.find_namespace(name) {
            Some(namespace) => classes.selected_in(cluster, namespace, &what.pods),
            None => Members::empty(),
        },
        Namespaces::Labelled(selector) => {
            let among = labelled(selector, cluster, classes);
            classes.selected(cluster, &among, &what.pods)
        }
    }
}

/// The classes of the namespaces with such labels.
fn labelled(selector: &Selector, cluster: &Cluster, classes: &Classes) -> Members {
    if selector.is_empty() {
        return classes.all().clone();
    }
    let matched = cluster
        .namespaces()
        .filter(|(_, namespace)| selector.matches(|key| namespace.labels.get(key)));
    Members::union_all(matched.filter_map(|(id, _)| classes.in_namespace(id)))
}
