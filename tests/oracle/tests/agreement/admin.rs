//! Policies of administrators, written once for both versions of the API.

use serde_json::{Value, json};

/// The kinds with their tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ClusterNetworkPolicy, `tier: Admin`
    ClusterAdmin,
    /// ClusterNetworkPolicy, `tier: Baseline`
    ClusterBaseline,
    /// AdminNetworkPolicy
    Admin,
    /// BaselineAdminNetworkPolicy, of which there is one
    Baseline,
}

impl Kind {
    pub const ALL: [Kind; 4] =
        [Kind::ClusterAdmin, Kind::ClusterBaseline, Kind::Admin, Kind::Baseline];

    fn is_old(self) -> bool {
        matches!(self, Kind::Admin | Kind::Baseline)
    }

    /// Whether the kind takes an action.
    pub fn takes(self, action: &str) -> bool {
        self != Kind::Baseline || action != "Pass"
    }
}

/// A rule for every version: an action as v1alpha2 writes it, peers, and ports, each `["TCP", 80]`,
/// `["TCP", 80, 81]` or `["name"]`; none is every port.
#[derive(Clone, Debug)]
pub struct Rule {
    pub action: &'static str,
    pub peers: Value,
    pub ports: Option<Value>,
}

/// A policy for every version.
#[derive(Clone, Debug)]
pub struct Policy {
    pub priority: u16,
    pub subject: Value,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

impl Policy {
    /// As an object of a kind. What the kind does not have is left out: a rule that passes in a
    /// BaselineAdminNetworkPolicy, and names in it.
    pub fn object(&self, kind: Kind, name: &str) -> Value {
        let rules = |rules: &[Rule], field: &str| {
            let taken = rules.iter().filter(|rule| kind.takes(rule.action));
            let has_names = |rule: &&Rule| {
                let peers = rule.peers.as_array().unwrap();
                peers.iter().any(|peer| !peer["domainNames"].is_null())
            };
            let taken = taken.filter(|rule| kind != Kind::Baseline || !has_names(rule));
            let written: Vec<Value> = taken.map(|rule| self.rule(kind, rule, field)).collect();
            json!(written)
        };
        let mut spec = json!({
            "subject": self.subject,
            "ingress": rules(&self.ingress, "from"),
            "egress": rules(&self.egress, "to"),
        });
        if kind != Kind::Baseline {
            spec["priority"] = json!(self.priority);
        }
        let (name_of_kind, name) = match kind {
            Kind::ClusterAdmin => ("ClusterNetworkPolicy", name),
            Kind::ClusterBaseline => ("ClusterNetworkPolicy", name),
            Kind::Admin => ("AdminNetworkPolicy", name),
            Kind::Baseline => ("BaselineAdminNetworkPolicy", "default"),
        };
        match kind {
            Kind::ClusterAdmin => spec["tier"] = json!("Admin"),
            Kind::ClusterBaseline => spec["tier"] = json!("Baseline"),
            Kind::Admin | Kind::Baseline => {}
        }
        let version = if kind.is_old() { "v1alpha1" } else { "v1alpha2" };
        json!({"apiVersion": format!("policy.networking.k8s.io/{version}"), "kind": name_of_kind,
               "metadata": {"name": name}, "spec": spec})
    }

    fn rule(&self, kind: Kind, rule: &Rule, field: &str) -> Value {
        let action = if kind.is_old() && rule.action == "Accept" { "Allow" } else { rule.action };
        let mut written = json!({"action": action, field: rule.peers});
        if let Some(ports) = &rule.ports {
            let ports = ports.as_array().unwrap().iter();
            if kind.is_old() {
                written["ports"] = ports.map(old_port).collect();
            } else {
                written["protocols"] = ports.map(new_port).collect();
            }
        }
        written
    }
}

fn old_port(port: &Value) -> Value {
    match port.as_array().unwrap().as_slice() {
        [name] => json!({"namedPort": name}),
        [protocol, port] => json!({"portNumber": {"protocol": protocol, "port": port}}),
        [protocol, start, end] => {
            json!({"portRange": {"protocol": protocol, "start": start, "end": end}})
        }
        _ => panic!("no port: {port}"),
    }
}

fn new_port(port: &Value) -> Value {
    let of = |protocol: &Value, port: Value| {
        let protocol = protocol.as_str().unwrap().to_lowercase();
        json!({protocol: {"destinationPort": port}})
    };
    match port.as_array().unwrap().as_slice() {
        [name] => json!({"destinationNamedPort": name}),
        [protocol, port] => of(protocol, json!({"number": port})),
        [protocol, start, end] => of(protocol, json!({"range": {"start": start, "end": end}})),
        _ => panic!("no port: {port}"),
    }
}

/// Whether a name of a port may stand beside such peers: they must all be pods.
pub fn may_name_ports(peers: &Value) -> bool {
    let peers = peers.as_array().unwrap();
    peers.iter().all(|peer| !peer["namespaces"].is_null() || !peer["pods"].is_null())
}
