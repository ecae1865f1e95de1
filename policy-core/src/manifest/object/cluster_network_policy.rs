//! `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy: the validation of the custom
//! resource's definition, experimental channel.

use super::Reader;
use super::admin_policy::Unevaluable;
use crate::manifest::NodeId;
use crate::manifest::diagnostic;
use crate::manifest::document::{Action, AdminPeer, AdminPolicy, AdminPort, AdminRule, AdminTier};
use crate::manifest::path::Trail;
use crate::netset::Protocol;

const ACTIONS: [(&str, Action); 3] =
    [("Accept", Action::Accept), ("Deny", Action::Deny), ("Pass", Action::Pass)];
const TIERS: [(&str, AdminTier); 2] =
    [("Admin", AdminTier::Admin), ("Baseline", AdminTier::Baseline)];
/// Of `pods`.
const REQUIRED_SELECTORS: &[&str] = &["podSelector"];
const MOST_RULES: usize = 25;
const MOST_ITEMS: usize = 25;

impl Reader<'_> {
    /// The policy; none if what must be known of it is not.
    pub(super) fn cluster_network_policy(&mut self, spec: Option<NodeId>) -> Option<AdminPolicy> {
        let root = Trail::root();
        if spec.is_none() {
            self.say(diagnostic::required_value(), &root.key("spec"));
            return None;
        }
        let path = root.key("spec");
        let tier = self.word(spec, "tier", &TIERS, &path);
        let priority = self.within(spec, "priority", (0, 1000), &path);
        let subject = self.subject(spec, REQUIRED_SELECTORS, &path);
        let ingress = self.cluster_rules(spec, "ingress", "from", &["namespaces", "pods"], &path);
        let kinds = &["namespaces", "pods", "nodes", "networks", "domainNames"];
        let egress = self.cluster_rules(spec, "egress", "to", kinds, &path);
        Some(AdminPolicy { tier: tier?, priority: priority?, subject: subject?, ingress, egress })
    }

    fn cluster_rules(
        &mut self,
        spec: Option<NodeId>,
        field: &str,
        peers_field: &str,
        kinds: &'static [&'static str],
        path: &Trail<'_>,
    ) -> Vec<AdminRule> {
        let mut rules = Vec::new();
        let at = self.bounded(spec, field, 0, MOST_RULES, path);
        for (index, rule) in at.into_iter().enumerate() {
            let field_at = path.key(field);
            let path = field_at.index(index);
            let name = self.rule_name(rule, &path);
            let action = self.word(Some(rule), "action", &ACTIONS, &path);
            self.needed(Some(rule), peers_field, &path);
            let mut peers = Some(Vec::new());
            let items = self.bounded(Some(rule), peers_field, 1, MOST_ITEMS, &path);
            let mut without_ports = false;
            for (index, item) in items.into_iter().enumerate() {
                let peer = self.admin_peer(
                    item,
                    kinds,
                    REQUIRED_SELECTORS,
                    MOST_ITEMS,
                    &path.key(peers_field).index(index),
                );
                without_ports |= field == "egress" && self.is_without_ports(item);
                match (peer, &mut peers) {
                    (Ok(peer), Some(peers)) => peers.push(peer),
                    (Ok(_), None) => {}
                    (Err(Unevaluable), _) => peers = None,
                }
            }
            if action == Some(Action::Deny) || action == Some(Action::Pass) {
                let names = |peer: &AdminPeer| matches!(peer, AdminPeer::DomainNames(_));
                if peers.iter().flatten().any(names) {
                    self.say(diagnostic::domain_names_accept_only(), &path.key(peers_field));
                }
            }
            let ports = self.protocols(rule, without_ports, &path);
            if let Some(action) = action {
                rules.push(AdminRule { name, action, peers, ports });
            }
        }
        rules
    }

    fn protocols(
        &mut self,
        rule: NodeId,
        without_ports: bool,
        path: &Trail<'_>,
    ) -> Option<Vec<AdminPort>> {
        self.at(Some(rule), "protocols")?;
        let items = self.bounded(Some(rule), "protocols", 1, MOST_ITEMS, path);
        let mut ports = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let field = path.key("protocols");
            let at_item = field.index(index);
            let kinds = &["tcp", "udp", "sctp", "destinationNamedPort"];
            let Some((kind, value)) = self.only_one(item, kinds, &at_item) else { continue };
            let protocol = match kind {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                "sctp" => Protocol::Sctp,
                _ => {
                    if without_ports {
                        let kinds = "networks/nodes/domainNames";
                        self.say(diagnostic::named_port_of_no_pod(kinds), &at_item);
                    }
                    ports.push(AdminPort::Named(self.string(value).to_owned()));
                    continue;
                }
            };
            let path = at_item.key(kind);
            if let Some((_, at)) = self.only_one(value, &["destinationPort"], &path) {
                ports.extend(self.destination_port(at, protocol, &path.key("destinationPort")));
            }
        }
        Some(ports)
    }

    fn destination_port(
        &mut self,
        at: NodeId,
        protocol: Protocol,
        path: &Trail<'_>,
    ) -> Option<AdminPort> {
        let all = (1, u16::MAX);
        match self.only_one(at, &["number", "range"], path)? {
            ("number", _) => {
                let number = self.within(Some(at), "number", all, path)?;
                Some(AdminPort::Range(protocol, number, number))
            }
            (_, range) => {
                let path = path.key("range");
                let start = self.within(Some(range), "start", all, &path);
                let end = self.within(Some(range), "end", all, &path);
                let (start, end) = (start?, end?);
                if start >= end {
                    let why = "Start port must be less than End port";
                    self.say(diagnostic::invalid(&format!("{start}-{end}"), why), &path);
                }
                Some(AdminPort::Range(protocol, start, end))
            }
        }
    }
}
