//! IsolationRules: what the kind's own definition asks for.

use super::Reader;
use crate::manifest::document::{
    Exception, IsolationRule, LabelSelector, PolicyPort, Promise, RuleFlows, RuleGroup, RuleGroups,
    RulePeer, RuleReach, RuleSeverity,
};
use crate::manifest::path::Trail;
use crate::manifest::{NodeId, diagnostic, names};
use crate::netset::Direction;

const PROMISES: [&str; 4] = ["forbid", "require", "isolated", "separate"];
const PEERS: [&str; 4] = ["namespaceSelector", "podSelector", "ipBlock", "outside"];
const SEVERITIES: [(&str, RuleSeverity); 3] = [
    ("error", RuleSeverity::Error),
    ("warning", RuleSeverity::Warning),
    ("info", RuleSeverity::Info),
];
const REACHES: [(&str, RuleReach); 2] = [("All", RuleReach::All), ("Any", RuleReach::Any)];
const DIRECTIONS: [(&str, Direction); 2] =
    [("Ingress", Direction::Ingress), ("Egress", Direction::Egress)];

impl Reader<'_> {
    /// The rule; none if it does not say what must hold.
    pub(super) fn isolation_rule(
        &mut self,
        metadata: Option<NodeId>,
        spec: Option<NodeId>,
    ) -> Option<IsolationRule> {
        let root = Trail::root();
        if self.text(metadata, "namespace").is_some_and(|namespace| !namespace.is_empty()) {
            let path = root.key("metadata");
            self.say(diagnostic::cluster_scoped("IsolationRule"), &path.key("namespace"));
        }
        let path = root.key("spec");
        if spec.is_none() {
            self.say(diagnostic::required_value(), &path);
        }
        let severity = match self.at(spec, "severity") {
            Some(_) => self.word(spec, "severity", &SEVERITIES, &path),
            None => Some(RuleSeverity::default()),
        };
        let message = self.text(spec, "message").unwrap_or("").to_owned();
        let allow_empty = self.flag(spec, "allowEmpty");
        let there: Vec<&str> =
            PROMISES.into_iter().filter(|key| self.at(spec, key).is_some()).collect();
        let promise = match there.as_slice() {
            [] if spec.is_none() => None,
            [one] => self.promise(spec, one, &path),
            several => {
                self.say(diagnostic::exactly_one_of(several.len(), &PROMISES), &path);
                None
            }
        };
        Some(IsolationRule { severity: severity?, message, allow_empty, promise: promise? })
    }

    fn promise(&mut self, spec: Option<NodeId>, kind: &str, path: &Trail<'_>) -> Option<Promise> {
        let at = self.at(spec, kind);
        let path = path.key(kind);
        match kind {
            "forbid" => {
                let flows = self.rule_flows(at, &path);
                let except = self.exceptions(at, &path);
                Some(Promise::Forbid { flows: flows?, except })
            }
            "require" => {
                let flows = self.rule_flows(at, &path);
                let reach = match self.at(at, "reach") {
                    Some(_) => self.word(at, "reach", &REACHES, &path),
                    None => Some(RuleReach::default()),
                };
                Some(Promise::Require { flows: flows?, reach: reach? })
            }
            "isolated" => {
                let pods = self.rule_peers(at, "pods", true, &path);
                let except = match self.list(at, "except").as_slice() {
                    [] => Some(Vec::new()),
                    _ => self.rule_peers(at, "except", true, &path),
                };
                let directions = self.directions(at, &path);
                Some(Promise::Isolated { pods: pods?, except: except?, directions })
            }
            _ => {
                let groups = self.groups(at, &path);
                let except = self.exceptions(at, &path);
                Some(Promise::Separate { groups: groups?, except })
            }
        }
    }

    fn rule_flows(&mut self, at: Option<NodeId>, path: &Trail<'_>) -> Option<RuleFlows> {
        let from = self.rule_peers(at, "from", false, path);
        let to = self.rule_peers(at, "to", false, path);
        let ports = self.rule_ports(at, path);
        Some(RuleFlows { from: from?, to: to?, ports })
    }

    /// A list of peers that must be there and not empty; `pods_only` for those that select pods.
    fn rule_peers(
        &mut self,
        of: Option<NodeId>,
        key: &str,
        pods_only: bool,
        path: &Trail<'_>,
    ) -> Option<Vec<RulePeer>> {
        self.needed(of, key, path)?;
        let items = self.bounded(of, key, 1, usize::MAX, path);
        let own = path.key(key);
        let mut peers = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            peers.extend(self.rule_peer(item, pods_only, &own.index(index)));
        }
        Some(peers)
    }

    fn rule_peer(&mut self, at: NodeId, pods_only: bool, path: &Trail<'_>) -> Option<RulePeer> {
        let there: Vec<&str> =
            PEERS.into_iter().filter(|key| self.at(Some(at), key).is_some()).collect();
        match there.as_slice() {
            [] => {
                self.say(diagnostic::required("must specify a peer"), path);
                None
            }
            ["podSelector"] => {
                self.say(diagnostic::lone_pod_selector(), path);
                None
            }
            ["namespaceSelector"] | ["namespaceSelector", "podSelector"] => {
                let mut part = |key: &str| match self.at(Some(at), key) {
                    Some(at) => self.selector(at, &path.key(key)),
                    None => LabelSelector::default(),
                };
                Some(RulePeer::Pods {
                    namespaces: part("namespaceSelector"),
                    pods: part("podSelector"),
                })
            }
            [_] if pods_only => {
                self.say(diagnostic::forbidden("only pods can be isolated"), path);
                None
            }
            ["ipBlock"] => {
                let block = self.at(Some(at), "ipBlock")?;
                let (cidr, except) = self.ip_block(block, &path.key("ipBlock"))?;
                Some(RulePeer::IpBlock { cidr, except })
            }
            ["outside"] => Some(RulePeer::Outside),
            _ => {
                let why = "may not specify selectors, ipBlock and outside together";
                self.say(diagnostic::forbidden(why), path);
                None
            }
        }
    }

    /// Ports; none where there is no list, which is every port.
    fn rule_ports(&mut self, of: Option<NodeId>, path: &Trail<'_>) -> Option<Vec<PolicyPort>> {
        self.at(of, "ports")?;
        let own = path.key("ports");
        let mut ports = Vec::new();
        for (index, item) in self.bounded(of, "ports", 1, usize::MAX, path).into_iter().enumerate()
        {
            ports.extend(self.policy_port(item, &own.index(index)));
        }
        Some(ports)
    }

    fn exceptions(&mut self, of: Option<NodeId>, path: &Trail<'_>) -> Vec<Exception> {
        let own = path.key("except");
        let mut exceptions = Vec::new();
        for (index, item) in self.list(of, "except").into_iter().enumerate() {
            let path = own.index(index);
            let has = |reader: &Self, key: &str| reader.at(Some(item), key).is_some();
            if !["from", "to", "ports"].into_iter().any(|key| has(self, key)) {
                self.say(diagnostic::empty_exception(), &path);
                continue;
            }
            let mut side = |key: &str| {
                has(self, key).then(|| self.rule_peers(Some(item), key, false, &path)).flatten()
            };
            let (from, to) = (side("from"), side("to"));
            let ports = self.rule_ports(Some(item), &path);
            exceptions.push(Exception { from, to, ports });
        }
        exceptions
    }

    fn directions(&mut self, of: Option<NodeId>, path: &Trail<'_>) -> Vec<Direction> {
        let both = DIRECTIONS.map(|(_, direction)| direction).to_vec();
        if self.at(of, "directions").is_none() {
            return both;
        }
        let own = path.key("directions");
        let mut there = Vec::new();
        for (index, item) in
            self.bounded(of, "directions", 1, usize::MAX, path).into_iter().enumerate()
        {
            let text = self.string(item);
            match DIRECTIONS.iter().find(|(word, _)| *word == text) {
                Some((_, direction)) => there.push(*direction),
                None => {
                    let problem = diagnostic::unsupported(text, &DIRECTIONS.map(|(word, _)| word));
                    self.say(problem, &own.index(index));
                }
            }
        }
        both.into_iter().filter(|direction| there.contains(direction)).collect()
    }

    fn groups(&mut self, of: Option<NodeId>, path: &Trail<'_>) -> Option<RuleGroups> {
        const KINDS: [&str; 2] = ["groups", "byLabel"];
        match KINDS.map(|key| self.at(of, key)) {
            [Some(_), None] => {
                let own = path.key("groups");
                let items = self.bounded(of, "groups", 2, usize::MAX, path);
                let mut groups: Vec<RuleGroup> = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    let path = own.index(index);
                    let name = self.text(Some(item), "name").unwrap_or("");
                    if name.is_empty() {
                        self.say(diagnostic::required_value(), &path.key("name"));
                    } else if groups.iter().any(|group| group.name == name) {
                        self.say(diagnostic::duplicate(name), &path.key("name"));
                    }
                    let at = self.needed(Some(item), "namespaceSelector", &path);
                    let Some(at) = at else { continue };
                    let namespaces = self.selector(at, &path.key("namespaceSelector"));
                    groups.push(RuleGroup { name: name.to_owned(), namespaces });
                }
                Some(RuleGroups::Named(groups))
            }
            [None, Some(_)] => {
                let key = self.text(of, "byLabel").unwrap_or("");
                for why in names::qualified_name(key) {
                    self.say(diagnostic::invalid(key, &why), &path.key("byLabel"));
                }
                Some(RuleGroups::ByLabel(key.to_owned()))
            }
            there => {
                let count = there.iter().flatten().count();
                self.say(diagnostic::exactly_one_of(count, &KINDS), path);
                None
            }
        }
    }
}
