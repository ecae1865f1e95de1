//! `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy and BaselineAdminNetworkPolicy: the
//! validation of the custom resources' definitions, experimental channel.

use super::Reader;
use super::admin_policy::Unevaluable;
use crate::manifest::NodeId;
use crate::manifest::diagnostic;
use crate::manifest::document::{Action, AdminPeer, AdminPolicy, AdminPort, AdminRule, AdminTier};
use crate::manifest::path::Trail;
use crate::netset::Protocol;

const ACTIONS: [(&str, Action); 3] =
    [("Allow", Action::Accept), ("Deny", Action::Deny), ("Pass", Action::Pass)];
const BASELINE_ACTIONS: [(&str, Action); 2] = [("Allow", Action::Accept), ("Deny", Action::Deny)];
/// Of `pods`.
const REQUIRED_SELECTORS: &[&str] = &["namespaceSelector", "podSelector"];
const MOST_RULES: usize = 100;
const MOST_ITEMS: usize = 100;
const MOST_NETWORKS: usize = 25;

impl Reader<'_> {
    /// The policy; none if what must be known of it is not.
    pub(super) fn admin_network_policy(
        &mut self,
        tier: AdminTier,
        name: Option<&str>,
        spec: Option<NodeId>,
    ) -> Option<AdminPolicy> {
        let root = Trail::root();
        if spec.is_none() {
            self.say(diagnostic::required_value(), &root.key("spec"));
            return None;
        }
        let path = root.key("spec");
        let actions = match tier {
            AdminTier::Admin => &ACTIONS[..],
            AdminTier::Baseline => &BASELINE_ACTIONS[..],
        };
        let priority = match tier {
            AdminTier::Admin => self.within(spec, "priority", (0, 1000), &path),
            AdminTier::Baseline => {
                if name != Some("default") {
                    self.say(diagnostic::baseline_not_default(name.unwrap_or("")), &root);
                }
                Some(0)
            }
        };
        let subject = self.subject(spec, REQUIRED_SELECTORS, &path);
        let ingress =
            self.admin_rules(spec, "ingress", "from", &["namespaces", "pods"], actions, &path);
        let kinds: &[&str] = match tier {
            AdminTier::Admin => &["namespaces", "pods", "nodes", "networks", "domainNames"],
            AdminTier::Baseline => &["namespaces", "pods", "nodes", "networks"],
        };
        let egress = self.admin_rules(spec, "egress", "to", kinds, actions, &path);
        Some(AdminPolicy { tier, priority: priority?, subject: subject?, ingress, egress })
    }

    fn admin_rules(
        &mut self,
        spec: Option<NodeId>,
        field: &str,
        peers_field: &str,
        kinds: &'static [&'static str],
        actions: &[(&str, Action)],
        path: &Trail<'_>,
    ) -> Vec<AdminRule> {
        let mut rules = Vec::new();
        let at = self.bounded(spec, field, 0, MOST_RULES, path);
        for (index, rule) in at.into_iter().enumerate() {
            let field_at = path.key(field);
            let path = field_at.index(index);
            let name = self.rule_name(rule, &path);
            let action = self.word(Some(rule), "action", actions, &path);
            self.needed(Some(rule), peers_field, &path);
            let mut peers = Some(Vec::new());
            let mut without_ports = false;
            let items = self.bounded(Some(rule), peers_field, 1, MOST_ITEMS, &path);
            for (index, item) in items.into_iter().enumerate() {
                let peer = self.admin_peer(
                    item,
                    kinds,
                    REQUIRED_SELECTORS,
                    MOST_NETWORKS,
                    &path.key(peers_field).index(index),
                );
                without_ports |= field == "egress" && self.is_without_ports(item);
                match (peer, &mut peers) {
                    (Ok(peer), Some(peers)) => peers.push(peer),
                    (Ok(_), None) => {}
                    (Err(Unevaluable), _) => peers = None,
                }
            }
            let is_name = |peer: &AdminPeer| matches!(peer, AdminPeer::DomainNames(_));
            if action.is_some_and(|action| action != Action::Accept)
                && peers.iter().flatten().any(is_name)
            {
                self.say(diagnostic::domain_names_accept_only(), &path.key(peers_field));
            }
            let without_ports = without_ports.then(|| match kinds.contains(&"domainNames") {
                true => "networks/nodes/domainNames",
                false => "networks/nodes",
            });
            let ports = self.admin_ports(rule, without_ports, &path);
            if let Some(action) = action {
                rules.push(AdminRule { name, action, peers, ports });
            }
        }
        rules
    }

    fn admin_ports(
        &mut self,
        rule: NodeId,
        without_ports: Option<&str>,
        path: &Trail<'_>,
    ) -> Option<Vec<AdminPort>> {
        self.at(Some(rule), "ports")?;
        let mut ports = Vec::new();
        let items = self.bounded(Some(rule), "ports", 1, MOST_ITEMS, path);
        for (index, item) in items.into_iter().enumerate() {
            let field = path.key("ports");
            let at_item = field.index(index);
            let kinds = &["portNumber", "portRange", "namedPort"];
            let Some((kind, value)) = self.only_one(item, kinds, &at_item) else { continue };
            let path = at_item.key(kind);
            let all = (1, u16::MAX);
            let protocol = self.text(Some(value), "protocol").unwrap_or("TCP");
            let protocol = Protocol::parse(protocol);
            match kind {
                "portNumber" => {
                    let number = self.within(Some(value), "port", all, &path);
                    ports.extend(number.map(|number| match protocol {
                        Some(protocol) => AdminPort::Range(protocol, number, number),
                        None => AdminPort::Nothing,
                    }));
                }
                "portRange" => {
                    let start = self.within(Some(value), "start", all, &path);
                    let end = self.within(Some(value), "end", all, &path);
                    ports.extend(start.zip(end).map(|(start, end)| match protocol {
                        Some(protocol) if start <= end => AdminPort::Range(protocol, start, end),
                        _ => AdminPort::Nothing,
                    }));
                    if start.zip(end).is_some_and(|(start, end)| start > end) {
                        self.say(diagnostic::range_of_nothing(), &path);
                    }
                }
                _ => {
                    if let Some(kinds) = without_ports {
                        self.say(diagnostic::named_port_of_no_pod(kinds), &at_item);
                    }
                    ports.push(AdminPort::Named(self.string(value).to_owned()));
                }
            }
            if kind != "namedPort" && protocol.is_none() {
                self.say(diagnostic::protocol_of_nothing(), &path.key("protocol"));
            }
        }
        Some(ports)
    }
}
