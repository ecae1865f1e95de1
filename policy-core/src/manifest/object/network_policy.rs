//! NetworkPolicies: the API server's defaults and validation, in its order.

use super::Reader;
use crate::manifest::document::{
    LabelSelector, NetworkPolicy, Operator, Peer, PolicyPort, PortRef, Requirement, Rule,
};
use crate::manifest::path::Trail;
use crate::manifest::schema::whole;
use crate::manifest::{NodeId, Value, diagnostic, names};
use crate::netset::{Cidr, Protocol};

impl Reader<'_> {
    pub(super) fn network_policy(&mut self, spec: Option<NodeId>) -> NetworkPolicy {
        let root = Trail::root();
        let path = root.key("spec");
        let pod_selector = self.at(spec, "podSelector");
        let pod_selector = pod_selector.map(|at| self.selector(at, &path.key("podSelector")));
        let ingress = self.rules(spec, "ingress", "from", &path);
        let egress = self.rules(spec, "egress", "to", &path);
        let (isolates_ingress, isolates_egress) =
            self.policy_types(spec, !egress.is_empty(), &path.key("policyTypes"));
        NetworkPolicy {
            pod_selector: pod_selector.unwrap_or_default(),
            isolates_ingress,
            isolates_egress,
            ingress,
            egress,
        }
    }

    /// For which directions it isolates (C2).
    fn policy_types(
        &mut self,
        spec: Option<NodeId>,
        has_egress_rules: bool,
        path: &Trail<'_>,
    ) -> (bool, bool) {
        let types = self.list(spec, "policyTypes");
        if types.is_empty() {
            return (true, has_egress_rules);
        }
        if types.len() > 2 {
            let written: Vec<&str> = types.iter().map(|at| self.string(*at)).collect();
            let problem = diagnostic::invalid(
                &written.join(", "),
                "may not specify more than two policyTypes",
            );
            self.say(problem, path);
            return (true, true);
        }
        let mut isolates = (false, false);
        for (index, at) in types.into_iter().enumerate() {
            match self.string(at) {
                "Ingress" => isolates.0 = true,
                "Egress" => isolates.1 = true,
                other => {
                    let problem = diagnostic::unsupported(other, &["Egress", "Ingress"]);
                    self.say(problem, &path.index(index));
                }
            }
        }
        isolates
    }

    fn rules(
        &mut self,
        spec: Option<NodeId>,
        field: &str,
        peers_field: &str,
        path: &Trail<'_>,
    ) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (index, rule) in self.list(spec, field).into_iter().enumerate() {
            let field_at = path.key(field);
            let path = field_at.index(index);
            let mut ports = Vec::new();
            for (index, port) in self.list(Some(rule), "ports").into_iter().enumerate() {
                ports.extend(self.policy_port(port, &path.key("ports").index(index)));
            }
            let mut peers = Vec::new();
            for (index, peer) in self.list(Some(rule), peers_field).into_iter().enumerate() {
                peers.extend(self.peer(peer, &path.key(peers_field).index(index)));
            }
            rules.push(Rule { ports, peers });
        }
        rules
    }

    pub(super) fn policy_port(&mut self, at: NodeId, path: &Trail<'_>) -> Option<PolicyPort> {
        // A pointer here: an empty one is not defaulted.
        let protocol = match self.text(Some(at), "protocol") {
            Some("") => {
                let problem = diagnostic::unsupported("", &["TCP", "UDP", "SCTP"]);
                self.say(problem, &path.key("protocol"));
                None
            }
            _ => self.protocol(at, path),
        };
        let end = self.number(Some(at), "endPort");
        let refuse_end = |reader: &mut Self, why: &str| {
            if let Some(end) = end {
                reader.say(diagnostic::invalid(&end.to_string(), why), &path.key("endPort"));
            }
        };
        let written = self.at(Some(at), "port").map(|port| self.tree.value(port));
        let (port, end_port) = match written {
            None => {
                refuse_end(self, "may not be specified when `port` is not specified");
                (None, None)
            }
            Some(Value::String(name)) => {
                refuse_end(self, "may not be specified when `port` is non-numeric");
                for why in names::port_name(name) {
                    self.say(diagnostic::invalid(name, &why), &path.key("port"));
                }
                (Some(PortRef::Name(name.to_owned())), None)
            }
            Some(value) => {
                let number = whole(value).unwrap_or(0);
                let port = names::port_number(number);
                if let Err(why) = port {
                    self.say(diagnostic::invalid(&number.to_string(), why), &path.key("port"));
                }
                if end.is_some_and(|end| end < number) {
                    refuse_end(self, "must be greater than or equal to `port`");
                }
                let end_port = end.map(names::port_number);
                if let Some(Err(why)) = end_port {
                    refuse_end(self, why);
                }
                (port.ok().map(PortRef::Number), end_port.and_then(Result::ok))
            }
        };
        Some(PolicyPort { protocol: protocol.unwrap_or(Protocol::Tcp), port, end_port })
    }

    fn peer(&mut self, at: NodeId, path: &Trail<'_>) -> Option<Peer> {
        let pods = self.at(Some(at), "podSelector");
        let pods = pods.map(|at| self.selector(at, &path.key("podSelector")));
        let namespaces = self.at(Some(at), "namespaceSelector");
        let namespaces = namespaces.map(|at| self.selector(at, &path.key("namespaceSelector")));
        let block = self.at(Some(at), "ipBlock");
        let has_block = block.is_some();
        let block = block.and_then(|at| self.ip_block(at, &path.key("ipBlock")));
        match (pods, namespaces, has_block) {
            (None, None, false) => {
                self.say(diagnostic::required("must specify a peer"), path);
                None
            }
            (None, None, true) => block.map(|(cidr, except)| Peer::IpBlock { cidr, except }),
            (_, _, true) => {
                let why = "may not specify both ipBlock and another peer";
                self.say(diagnostic::forbidden(why), path);
                None
            }
            (pod_selector, namespace_selector, false) => {
                Some(Peer::Pods { pod_selector, namespace_selector })
            }
        }
    }

    pub(super) fn ip_block(&mut self, at: NodeId, path: &Trail<'_>) -> Option<(Cidr, Vec<Cidr>)> {
        let text = self.text(Some(at), "cidr").unwrap_or("");
        if text.is_empty() {
            self.say(diagnostic::required("a block needs a CIDR"), &path.key("cidr"));
            return None;
        }
        let cidr = self.cidr(text, &path.key("cidr"));
        let mut except = Vec::new();
        for (index, at) in self.list(Some(at), "except").into_iter().enumerate() {
            let except_at = path.key("except");
            let path = except_at.index(index);
            let text = self.string(at);
            let Some(out) = self.cidr(text, &path) else { continue };
            let is_within =
                |cidr: &Cidr| out.is_subset(cidr) && out.prefix_len() > cidr.prefix_len();
            if cidr.is_some_and(|cidr| !is_within(&cidr)) {
                let why = "must be a strict subset of `cidr`";
                self.say(diagnostic::invalid(text, why), &path);
            } else {
                except.push(out);
            }
        }
        Some((cidr?, except))
    }

    pub(super) fn selector(&mut self, at: NodeId, path: &Trail<'_>) -> LabelSelector {
        let labels_at = self.at(Some(at), "matchLabels");
        let match_labels = self.labels(labels_at, &path.key("matchLabels"));
        let mut match_expressions = Vec::new();
        for (index, at) in self.list(Some(at), "matchExpressions").into_iter().enumerate() {
            let matchexpressions_at = path.key("matchExpressions");
            let path = matchexpressions_at.index(index);
            match_expressions.extend(self.requirement(at, &path));
        }
        LabelSelector { match_labels, match_expressions }
    }

    fn requirement(&mut self, at: NodeId, path: &Trail<'_>) -> Option<Requirement> {
        let values: Vec<String> =
            self.list(Some(at), "values").iter().map(|at| self.string(*at).to_owned()).collect();
        let operator = match self.text(Some(at), "operator").unwrap_or("") {
            "In" => Some(Operator::In),
            "NotIn" => Some(Operator::NotIn),
            "Exists" => Some(Operator::Exists),
            "DoesNotExist" => Some(Operator::DoesNotExist),
            other => {
                let problem = diagnostic::invalid(other, "not a valid selector operator");
                self.say(problem, &path.key("operator"));
                None
            }
        };
        match operator {
            Some(Operator::In | Operator::NotIn) if values.is_empty() => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                self.say(diagnostic::required(why), &path.key("values"));
            }
            Some(Operator::Exists | Operator::DoesNotExist) if !values.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                self.say(diagnostic::forbidden(why), &path.key("values"));
            }
            _ => {}
        }
        let key = self.text(Some(at), "key").unwrap_or("");
        for why in names::qualified_name(key) {
            self.say(diagnostic::invalid(key, &why), &path.key("key"));
        }
        for (index, value) in values.iter().enumerate() {
            for why in names::label_value(value) {
                self.say(diagnostic::invalid(value, &why), &path.key("values").index(index));
            }
        }
        Some(Requirement { key: key.to_owned(), operator: operator?, values })
    }
}
