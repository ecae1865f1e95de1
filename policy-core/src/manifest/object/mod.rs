//! An object whose fields have the right types, to what the engine keeps: what a server validates
//! is validated.

mod admin_network_policy;
mod admin_policy;
mod cluster_network_policy;
mod isolation_rule;
mod network_policy;
mod pod;
mod service;

use super::diagnostic::{self, Problem};
use super::document::{AdminTier, Body, Kind, Labels, Namespace, Node, Owner, Workload};
use super::path::Trail;
use super::read::Record;
use super::schema::whole;
use super::{FieldPath, NodeId, Span, Tree, Value, locate, names};
use crate::netset::{CidrError, LegacySpelling, ParsedCidr, parse_cidr, parse_ip};

/// Reads one object, and gathers what is wrong with it.
pub(super) struct Reader<'a> {
    tree: &'a Tree<'a>,
    top: NodeId,
    found: &'a mut Vec<(Problem, FieldPath, Span)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        tree: &'a Tree<'a>,
        top: NodeId,
        found: &'a mut Vec<(Problem, FieldPath, Span)>,
    ) -> Reader<'a> {
        Reader { tree, top, found }
    }

    /// The body of an object of a kind, if it is one without errors.
    pub(super) fn read(&mut self, kind: Kind, record: &mut Record) -> Option<Body> {
        let root = Trail::root();
        let metadata = self.at(Some(self.top), "metadata");
        self.metadata(kind, metadata, record);
        let labels_at = self.at(metadata, "labels");
        let labels = self.labels(labels_at, &root.key("metadata").key("labels"));
        let spec = self.at(Some(self.top), "spec");
        let status = self.at(Some(self.top), "status");
        let spec_path = root.key("spec");
        Some(match kind {
            Kind::Namespace => Body::Namespace(Namespace { labels }),
            Kind::Node => Body::Node(self.node(labels, spec, status)),
            Kind::Pod => {
                let owner = self.owner(metadata);
                Body::Pod(self.pod(labels, owner, spec, status, &spec_path))
            }
            Kind::CronJob => {
                let job = self.at(self.at(spec, "jobTemplate"), "spec");
                let jobtemplate_at = spec_path.key("jobTemplate");
                let path = jobtemplate_at.key("spec");
                let owner = self.owner(metadata);
                self.workload(labels, owner, job, &path)
            }
            Kind::Deployment
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Job => {
                let owner = self.owner(metadata);
                self.workload(labels, owner, spec, &spec_path)
            }
            Kind::Service => Body::Service(self.service(spec, status)),
            Kind::NetworkPolicy => Body::NetworkPolicy(self.network_policy(spec)),
            Kind::ClusterNetworkPolicy => Body::AdminPolicy(self.cluster_network_policy(spec)?),
            Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy => {
                let tier = match kind {
                    Kind::AdminNetworkPolicy => AdminTier::Admin,
                    _ => AdminTier::Baseline,
                };
                // A name that the server would make from `generateName` is never `default`.
                let name = self.text(metadata, "name");
                Body::AdminPolicy(self.admin_network_policy(tier, name, spec)?)
            }
            Kind::IsolationRule => Body::IsolationRule(self.isolation_rule(metadata, spec)?),
        })
    }

    fn metadata(&mut self, kind: Kind, metadata: Option<NodeId>, record: &mut Record) {
        let root = Trail::root();
        let path = root.key("metadata");
        match (self.text(metadata, "name"), self.text(metadata, "generateName")) {
            (Some(name), _) if !name.is_empty() => {
                let wrong = match kind {
                    Kind::Namespace | Kind::Service => names::label(name),
                    _ => names::subdomain(name),
                };
                for why in wrong {
                    self.say(diagnostic::invalid(name, &why), &path.key("name"));
                }
            }
            (_, Some(prefix)) if !prefix.is_empty() => record.name = Some(prefix.to_owned()),
            _ => self.say(diagnostic::name_required(), &path.key("name")),
        }
        if let Some(namespace) = record.namespace.clone().filter(|_| kind.is_namespaced()) {
            for why in names::label(&namespace) {
                self.say(diagnostic::invalid(&namespace, &why), &path.key("namespace"));
            }
        }
    }

    fn workload(
        &mut self,
        labels: Labels,
        owner: Option<Owner>,
        spec: Option<NodeId>,
        path: &Trail<'_>,
    ) -> Body {
        let template = self.at(spec, "template");
        let path = path.key("template");
        let template_labels_at = self.at(self.at(template, "metadata"), "labels");
        let template_labels = self.labels(template_labels_at, &path.key("metadata").key("labels"));
        let template = self.pod_spec(self.at(template, "spec"), &path.key("spec"));
        Body::Workload(Workload { labels, owner, template_labels, template })
    }

    fn node(&mut self, labels: Labels, spec: Option<NodeId>, status: Option<NodeId>) -> Node {
        let root = Trail::root();
        let mut typed: Vec<(u8, std::net::IpAddr)> = Vec::new();
        let status_at = root.key("status");
        let path = status_at.key("addresses");
        for (index, item) in self.list(status, "addresses").into_iter().enumerate() {
            let rank = match self.text(Some(item), "type") {
                Some("InternalIP") => 0,
                Some("ExternalIP") => 1,
                _ => continue,
            };
            let index_at = path.index(index);
            let path = index_at.key("address");
            let address = self.text(Some(item), "address").unwrap_or("");
            typed.extend(self.address(address, &path).map(|ip| (rank, ip)));
        }
        typed.sort_by_key(|(rank, _)| *rank);
        let mut pod_cidrs = Vec::new();
        let spec_at = root.key("spec");
        let many_at = spec_at.key("podCIDRs");
        let many = self.list(spec, "podCIDRs");
        for (index, item) in many.iter().enumerate() {
            let text = self.string(*item);
            if !text.is_empty() {
                pod_cidrs.extend(self.cidr(text, &many_at.index(index)));
            }
        }
        let one = self.text(spec, "podCIDR").filter(|text| many.is_empty() && !text.is_empty());
        if let Some(text) = one {
            pod_cidrs.extend(self.cidr(text, &spec_at.key("podCIDR")));
        }
        Node { labels, addresses: typed.into_iter().map(|(_, ip)| ip).collect(), pod_cidrs }
    }

    /// The owner reference of the controller.
    fn owner(&self, metadata: Option<NodeId>) -> Option<Owner> {
        let references = self.list(metadata, "ownerReferences");
        let owner =
            references.into_iter().find(|reference| self.flag(Some(*reference), "controller"))?;
        let text = |key| self.text(Some(owner), key).unwrap_or("").to_owned();
        Some(Owner { api_version: text("apiVersion"), kind: text("kind"), name: text("name") })
    }

    /// A map of labels; a value that is null is empty.
    fn labels(&mut self, at: Option<NodeId>, path: &Trail<'_>) -> Labels {
        let Some(at) = at else { return Labels::default() };
        let tree = self.tree;
        let mut labels = Vec::new();
        for entry in tree.entries(at) {
            let value = self.string(entry.value);
            for why in names::qualified_name(entry.key) {
                self.say_at(diagnostic::invalid(entry.key, &why), path, entry.key_span);
            }
            for why in names::label_value(value) {
                let problem = diagnostic::invalid(value, &why);
                self.say_at(problem, path, tree.span(entry.value));
            }
            labels.push((entry.key, value));
        }
        labels.into_iter().collect()
    }

    /// A block of addresses, if it is one; spellings that newer servers refuse are warnings.
    fn cidr(&mut self, text: &str, path: &Trail<'_>) -> Option<crate::netset::Cidr> {
        match parse_cidr(text) {
            Ok(ParsedCidr { cidr, spelling }) => {
                for legacy in spelling {
                    let why = match legacy {
                        LegacySpelling::LeadingZeros => {
                            "must not have leading 0s in IP or prefix length"
                        }
                        LegacySpelling::HostBits => {
                            "must not have bits set beyond the prefix length"
                        }
                        LegacySpelling::Ipv4Mapped => "must not have an IPv4-mapped IPv6 address",
                    };
                    let canonical = cidr.to_string();
                    self.say(diagnostic::legacy_cidr(text, why, &canonical), path);
                }
                Some(cidr)
            }
            Err(CidrError) => {
                let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                self.say(diagnostic::invalid(text, why), path);
                None
            }
        }
    }

    /// An address of a status; anything else is left out, and said.
    fn address(&mut self, text: &str, path: &Trail<'_>) -> Option<std::net::IpAddr> {
        match parse_ip(text) {
            Ok((ip, _)) => Some(ip),
            Err(CidrError) => {
                if !text.is_empty() {
                    self.say(diagnostic::ignored_address(text), path);
                }
                None
            }
        }
    }

    // Fields, whose types are right.

    fn at(&self, of: Option<NodeId>, key: &str) -> Option<NodeId> {
        let value = self.tree.get(of?, key)?;
        (self.tree.value(value) != Value::Null).then_some(value)
    }

    fn list(&self, of: Option<NodeId>, key: &str) -> Vec<NodeId> {
        self.at(of, key).map_or_else(Vec::new, |list| self.tree.items(list).collect())
    }

    fn text(&self, of: Option<NodeId>, key: &str) -> Option<&'a str> {
        match self.tree.value(self.at(of, key)?) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn string(&self, at: NodeId) -> &'a str {
        match self.tree.value(at) {
            Value::String(text) => text,
            _ => "",
        }
    }

    fn flag(&self, of: Option<NodeId>, key: &str) -> bool {
        self.at(of, key).is_some_and(|flag| self.tree.value(flag) == Value::Bool(true))
    }

    fn number(&self, of: Option<NodeId>, key: &str) -> Option<i64> {
        whole(self.tree.value(self.at(of, key)?))
    }

    // Problems.

    fn say(&mut self, problem: Problem, path: &Trail<'_>) {
        let path = path.path();
        let (span, _) = locate::span_of(self.tree, self.top, &path);
        self.found.push((problem, path, span));
    }

    fn say_at(&mut self, problem: Problem, path: &Trail<'_>, span: Span) {
        self.found.push((problem, path.path(), span));
    }
}
