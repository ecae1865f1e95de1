//! Objects as the types of the Kubernetes API read them: what we keep of each is the same.
//!
//! `k8s-openapi` decodes by types that are generated from the API's own description, and another
//! YAML parser stands under it; only what is refused, and what defaults mean, is ours alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1 as net;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use policy_core::manifest::document::{
    Body, ContainerPort, LabelSelector, Labels, Namespace, NetworkPolicy, Node, Object, Operator,
    Owner, Peer, Phase, Pod, PodSpec, PolicyPort, PortRef, Requirement, Rule, Service, ServicePort,
    ServiceType, Workload,
};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::{Cidr, Protocol, parse_cidr};
use proptest::prelude::*;

/// What we would keep of an object, by the API's types.
fn expected(document: &serde_json::Value) -> Option<Body> {
    fn typed<T: serde::de::DeserializeOwned>(document: &serde_json::Value) -> T {
        serde_json::from_value(document.clone()).unwrap()
    }
    let kind = document["kind"].as_str()?;
    Some(match kind {
        "Namespace" => {
            let one: core::Namespace = typed(document);
            Body::Namespace(Namespace { labels: labels(one.metadata.labels) })
        }
        "Node" => Body::Node(node(typed(document))),
        "Pod" => Body::Pod(pod(typed(document))),
        "Service" => Body::Service(service(typed(document))),
        "NetworkPolicy" => Body::NetworkPolicy(policy(typed(document))),
        "Deployment" => {
            let one: Deployment = typed(document);
            workload(one.metadata, Some(one.spec.template))
        }
        "StatefulSet" => {
            let one: StatefulSet = typed(document);
            workload(one.metadata, Some(one.spec.template))
        }
        "DaemonSet" => {
            let one: DaemonSet = typed(document);
            workload(one.metadata, Some(one.spec.template))
        }
        "ReplicaSet" => {
            let one: ReplicaSet = typed(document);
            workload(one.metadata, one.spec.template)
        }
        "ReplicationController" => {
            let one: core::ReplicationController = typed(document);
            workload(one.metadata, one.spec.and_then(|spec| spec.template))
        }
        "Job" => {
            let one: Job = typed(document);
            workload(one.metadata, one.spec.map(|spec| spec.template))
        }
        "CronJob" => {
            let one: CronJob = typed(document);
            let job = one.spec.job_template.spec;
            workload(one.metadata, job.map(|spec| spec.template))
        }
        _ => return None,
    })
}

fn labels(labels: Option<BTreeMap<String, String>>) -> Labels {
    let labels = labels.unwrap_or_default();
    labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn owner(metadata: &meta::ObjectMeta) -> Option<Owner> {
    let all = metadata.owner_references.iter().flatten();
    let one = all.into_iter().find(|one| one.controller == Some(true))?;
    Some(Owner {
        api_version: one.api_version.clone(),
        kind: one.kind.clone(),
        name: one.name.clone(),
    })
}

fn workload(metadata: meta::ObjectMeta, template: Option<core::PodTemplateSpec>) -> Body {
    let template = template.unwrap_or_default();
    Body::Workload(Workload {
        owner: owner(&metadata),
        labels: labels(metadata.labels),
        template_labels: labels(template.metadata.unwrap_or_default().labels),
        template: pod_spec(template.spec),
    })
}

fn pod(pod: core::Pod) -> Pod {
    let status = pod.status.unwrap_or_default();
    let many: Vec<String> = status.pod_ips.into_iter().flatten().map(|one| one.ip).collect();
    let hosts: Vec<String> = status.host_ips.into_iter().flatten().map(|one| one.ip).collect();
    Pod {
        owner: owner(&pod.metadata),
        labels: labels(pod.metadata.labels),
        spec: pod_spec(pod.spec),
        phase: match status.phase.as_deref() {
            Some("Succeeded" | "Failed") => Phase::Completed,
            _ => Phase::Live,
        },
        addresses: addresses(many, status.pod_ip),
        host_addresses: addresses(hosts, status.host_ip),
    }
}

fn addresses(many: Vec<String>, one: Option<String>) -> Vec<IpAddr> {
    let many: Vec<IpAddr> = many.iter().filter_map(|one| one.parse().ok()).collect();
    if many.is_empty() { one.iter().filter_map(|one| one.parse().ok()).collect() } else { many }
}

fn pod_spec(spec: Option<core::PodSpec>) -> PodSpec {
    let spec = spec.unwrap_or_default();
    let is_sidecar = |one: &&core::Container| one.restart_policy.as_deref() == Some("Always");
    let init = spec.init_containers.iter().flatten().filter(is_sidecar);
    let ports = spec.containers.iter().chain(init).flat_map(|one| one.ports.iter().flatten());
    PodSpec {
        node_name: spec.node_name.filter(|name| !name.is_empty()),
        host_network: spec.host_network.unwrap_or(false),
        ports: ports
            .map(|port| ContainerPort {
                name: port.name.clone().filter(|name| !name.is_empty()),
                protocol: protocol(port.protocol.as_deref()),
                port: u16::try_from(port.container_port).unwrap(),
            })
            .collect(),
    }
}

fn protocol(name: Option<&str>) -> Protocol {
    match name {
        None | Some("" | "TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(other) => panic!("protocol {other}"),
    }
}

fn node(node: core::Node) -> Node {
    let spec = node.spec.unwrap_or_default();
    let listed: Vec<core::NodeAddress> =
        node.status.and_then(|status| status.addresses).unwrap_or_default();
    let of = |kind: &str| {
        let own = listed.iter().filter(|one| one.type_ == kind);
        own.filter_map(|one| one.address.parse().ok()).collect::<Vec<IpAddr>>()
    };
    let cidrs: Vec<String> = match spec.pod_cidrs {
        Some(many) if !many.is_empty() => many,
        _ => spec.pod_cidr.into_iter().collect(),
    };
    Node {
        labels: labels(node.metadata.labels),
        addresses: [of("InternalIP"), of("ExternalIP")].concat(),
        pod_cidrs: cidrs.iter().filter(|one| !one.is_empty()).map(|one| cidr(one)).collect(),
    }
}

fn cidr(text: &str) -> Cidr {
    parse_cidr(text).unwrap().cidr
}

fn service(service: core::Service) -> Service {
    let spec = service.spec.unwrap_or_default();
    let balancer = service.status.and_then(|status| status.load_balancer);
    let ingress = balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    let outside = spec.external_ips.into_iter().flatten();
    let outside = outside.chain(ingress.into_iter().filter_map(|one| one.ip));
    let headless = spec.cluster_ip.as_deref() == Some("None")
        || spec.cluster_ips.iter().flatten().any(|one| one == "None");
    let plain = |one: &String| one != "None";
    let many = spec.cluster_ips.unwrap_or_default().into_iter().filter(plain).collect();
    Service {
        selector: spec.selector.filter(|one| !one.is_empty()).map(|one| labels(Some(one))),
        service_type: match spec.type_.as_deref() {
            None | Some("" | "ClusterIP") => ServiceType::ClusterIp,
            Some("NodePort") => ServiceType::NodePort,
            Some("LoadBalancer") => ServiceType::LoadBalancer,
            Some("ExternalName") => ServiceType::ExternalName,
            Some(other) => panic!("type {other}"),
        },
        headless,
        cluster_addresses: addresses(many, spec.cluster_ip.filter(plain)),
        external_addresses: outside.filter_map(|one| one.parse().ok()).collect(),
        external_name: spec.external_name.filter(|name| !name.is_empty()),
        ports: spec
            .ports
            .into_iter()
            .flatten()
            .map(|port| {
                let number = u16::try_from(port.port).unwrap();
                ServicePort {
                    name: port.name.filter(|name| !name.is_empty()),
                    protocol: protocol(port.protocol.as_deref()),
                    port: number,
                    target: match port.target_port {
                        None | Some(IntOrString::Int(0)) => PortRef::Number(number),
                        Some(IntOrString::Int(other)) => {
                            PortRef::Number(u16::try_from(other).unwrap())
                        }
                        Some(IntOrString::String(name)) if name.is_empty() => {
                            PortRef::Number(number)
                        }
                        Some(IntOrString::String(name)) => PortRef::Name(name),
                    },
                    node_port: port
                        .node_port
                        .and_then(|one| u16::try_from(one).ok())
                        .filter(|one| *one != 0),
                }
            })
            .collect(),
    }
}

fn policy(policy: net::NetworkPolicy) -> NetworkPolicy {
    let spec = policy.spec.unwrap_or_default();
    let ingress = spec.ingress.into_iter().flatten().map(|one| rule(one.ports, one.from));
    let egress = spec.egress.into_iter().flatten().map(|one| rule(one.ports, one.to));
    let (ingress, egress): (Vec<Rule>, Vec<Rule>) = (ingress.collect(), egress.collect());
    let types = spec.policy_types.unwrap_or_default();
    let has = |name: &str| types.iter().any(|one| one == name);
    NetworkPolicy {
        pod_selector: spec.pod_selector.map(selector).unwrap_or_default(),
        isolates_ingress: types.is_empty() || has("Ingress"),
        isolates_egress: has("Egress") || (types.is_empty() && !egress.is_empty()),
        ingress,
        egress,
    }
}

fn rule(
    ports: Option<Vec<net::NetworkPolicyPort>>,
    peers: Option<Vec<net::NetworkPolicyPeer>>,
) -> Rule {
    let port = |port: net::NetworkPolicyPort| PolicyPort {
        protocol: protocol(port.protocol.as_deref()),
        port: port.port.map(|port| match port {
            IntOrString::Int(number) => PortRef::Number(u16::try_from(number).unwrap()),
            IntOrString::String(name) => PortRef::Name(name),
        }),
        end_port: port.end_port.map(|end| u16::try_from(end).unwrap()),
    };
    let peer = |peer: net::NetworkPolicyPeer| match peer.ip_block {
        Some(block) => Peer::IpBlock {
            cidr: cidr(&block.cidr),
            except: block.except.iter().flatten().map(|one| cidr(one)).collect(),
        },
        None => Peer::Pods {
            pod_selector: peer.pod_selector.map(selector),
            namespace_selector: peer.namespace_selector.map(selector),
        },
    };
    Rule {
        ports: ports.into_iter().flatten().map(port).collect(),
        peers: peers.into_iter().flatten().map(peer).collect(),
    }
}

fn selector(selector: meta::LabelSelector) -> LabelSelector {
    let expressions = selector.match_expressions.into_iter().flatten();
    LabelSelector {
        match_labels: labels(selector.match_labels),
        match_expressions: expressions
            .map(|one| Requirement {
                key: one.key,
                operator: match one.operator.as_str() {
                    "In" => Operator::In,
                    "NotIn" => Operator::NotIn,
                    "Exists" => Operator::Exists,
                    "DoesNotExist" => Operator::DoesNotExist,
                    other => panic!("operator {other}"),
                },
                values: one.values.unwrap_or_default(),
            })
            .collect(),
    }
}

fn ours(text: String) -> Vec<Option<Object>> {
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let reading = read(vec![Source { name: "t".into(), text }], &options);
    reading.records.into_iter().map(|record| record.object).collect()
}

/// The documents of a text, by another parser; Lists by items.
fn documents(text: &str) -> Vec<serde_json::Value> {
    use serde::Deserialize;
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let Ok(mut value) = serde_yaml_ng::Value::deserialize(document) else { continue };
        value.apply_merge().unwrap();
        let value = serde_json::to_value(value).unwrap();
        match value.get("items").and_then(|items| items.as_array()) {
            Some(items) => documents.extend(items.iter().cloned()),
            None if value.is_null() => {}
            None => documents.push(value),
        }
    }
    documents
}

#[test]
fn every_document_of_every_case() {
    let mut count = BTreeMap::<String, u32>::new();
    for case in netverdict_book::all().unwrap() {
        let own = ours(case.manifests.clone());
        let theirs = documents(&case.manifests);
        assert_eq!(own.len(), theirs.len(), "{}", case.name);
        for (own, document) in own.iter().zip(&theirs) {
            // What we refuse or do not read has no body to compare.
            let Some(own) = own else { continue };
            *count.entry(own.key.kind.name().to_owned()).or_default() += 1;
            assert_eq!(own.key.name, document["metadata"]["name"].as_str().unwrap_or(""));
            // Custom resources have no types there: their definitions are held against documents of
            // their own (`policy-core/tests`).
            if !own.key.kind.is_custom() {
                let theirs = expected(document);
                assert_eq!(Some(&own.body), theirs.as_ref(), "{}: {document}", case.name);
            }
        }
    }
    println!("{count:?}");
    for kind in policy_core::manifest::document::Kind::ALL {
        assert!(count.contains_key(kind.name()), "no case holds a {kind}");
    }
}

fn a_label_map() -> impl Strategy<Value = Option<BTreeMap<String, String>>> {
    let key = prop_oneof!["[a-df-m]{1,3}", "[a-df-m]{1,3}/[a-df-m]{1,3}"];
    prop::option::of(prop::collection::btree_map(key, "[a-df-m0-9]{0,3}", 0..4))
}

fn a_selector() -> impl Strategy<Value = meta::LabelSelector> {
    let expression = ("[a-df-m]{1,3}", 0..4_usize, prop::collection::vec("[a-df-m]{1,2}", 1..3))
        .prop_map(|(key, operator, values)| meta::LabelSelectorRequirement {
            key,
            operator: ["In", "NotIn", "Exists", "DoesNotExist"][operator].to_owned(),
            values: (operator < 2).then_some(values),
        });
    (a_label_map(), prop::option::of(prop::collection::vec(expression, 0..3))).prop_map(
        |(match_labels, match_expressions)| meta::LabelSelector { match_labels, match_expressions },
    )
}

fn a_protocol() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof!["TCP", "UDP", "SCTP"])
}

fn a_policy_port() -> impl Strategy<Value = net::NetworkPolicyPort> {
    let number = (1..=65535_i32, prop::option::of(0..100_i32)).prop_map(|(first, more)| {
        (Some(IntOrString::Int(first)), more.map(|more| (first + more).min(65535)))
    });
    let name = "[a-df-m][a-df-m0-9]{0,5}".prop_map(|name| (Some(IntOrString::String(name)), None));
    let none = Just((None, None));
    (a_protocol(), prop_oneof![number, name, none]).prop_map(|(protocol, (port, end_port))| {
        net::NetworkPolicyPort { protocol, port, end_port }
    })
}

fn a_peer() -> impl Strategy<Value = net::NetworkPolicyPeer> {
    let pods = (a_selector(), a_selector(), 0..3_u8).prop_map(|(pods, namespaces, which)| {
        net::NetworkPolicyPeer {
            pod_selector: (which != 0).then_some(pods),
            namespace_selector: (which != 1).then_some(namespaces),
            ip_block: None,
        }
    });
    let block = (any::<u32>(), 0..24_u32, prop::option::of(prop::collection::vec(0..4_u32, 0..3)))
        .prop_map(|(bits, length, except)| {
            let base = if length == 0 { 0 } else { bits & (u32::MAX << (32 - length)) };
            let text = |bits: u32, length: u32| {
                format!("{}/{length}", std::net::Ipv4Addr::from_bits(bits))
            };
            let except = except.map(|except| {
                let parts = except.into_iter();
                parts.map(|part| text(base | part << (32 - length - 2), length + 2)).collect()
            });
            net::NetworkPolicyPeer {
                ip_block: Some(net::IPBlock { cidr: text(base, length), except }),
                ..net::NetworkPolicyPeer::default()
            }
        });
    prop_oneof![pods, block]
}

fn a_policy() -> impl Strategy<Value = net::NetworkPolicy> {
    let some = |what: bool| {
        prop::option::of(prop::collection::vec(a_policy_port(), 0..3 + usize::from(what)))
    };
    let peers = || prop::option::of(prop::collection::vec(a_peer(), 0..3));
    let ingress = (some(true), peers())
        .prop_map(|(ports, from)| net::NetworkPolicyIngressRule { ports, from });
    let egress =
        (some(false), peers()).prop_map(|(ports, to)| net::NetworkPolicyEgressRule { ports, to });
    let types = prop::option::of(prop::sample::subsequence(vec!["Ingress", "Egress"], 0..=2));
    (
        prop::option::of(a_selector()),
        prop::option::of(prop::collection::vec(ingress, 0..3)),
        prop::option::of(prop::collection::vec(egress, 0..3)),
        types,
    )
        .prop_map(|(pod_selector, ingress, egress, types)| net::NetworkPolicy {
            metadata: meta::ObjectMeta {
                name: Some("p".into()),
                namespace: Some("x".into()),
                ..meta::ObjectMeta::default()
            },
            spec: Some(net::NetworkPolicySpec {
                pod_selector,
                ingress,
                egress,
                policy_types: types.map(|all| all.into_iter().map(str::to_owned).collect()),
            }),
        })
}

fn a_pod() -> impl Strategy<Value = core::Pod> {
    let port = (prop::option::of("[a-df-m]{1,5}"), a_protocol(), 1..=65535_i32).prop_map(
        |(name, protocol, container_port)| core::ContainerPort {
            name,
            protocol,
            container_port,
            ..core::ContainerPort::default()
        },
    );
    let restart = prop::option::of(Just("Always".to_owned()));
    let container = (prop::option::of(prop::collection::vec(port, 0..3)), restart).prop_map(
        |(ports, restart_policy)| core::Container {
            name: "c".into(),
            ports,
            restart_policy,
            ..core::Container::default()
        },
    );
    let container = container.boxed();
    let containers = |least| prop::collection::vec(container.clone(), least..3);
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| std::net::Ipv4Addr::from_bits(bits).to_string()),
        (0x2000..0x3fff_u128, any::<u16>()).prop_map(|(high, low)| {
            std::net::Ipv6Addr::from_bits(high << 112 | u128::from(low)).to_string()
        }),
    ];
    let address = address.boxed();
    (
        a_label_map(),
        containers(1),
        prop::option::of(containers(0)),
        prop::option::of(any::<bool>()),
        prop::option::of("[a-df-m]{0,3}"),
        prop::option::of(prop_oneof!["Running", "Succeeded", "Failed", "Pending"]),
        prop::option::of(prop::collection::vec(address.clone(), 0..3)),
        prop::option::of(address.clone()),
    )
        .prop_map(|(labels, containers, init, host, node, phase, many, one)| core::Pod {
            metadata: meta::ObjectMeta {
                name: Some("p".into()),
                namespace: Some("x".into()),
                labels,
                ..meta::ObjectMeta::default()
            },
            spec: Some(core::PodSpec {
                containers,
                init_containers: init,
                host_network: host,
                node_name: node,
                ..core::PodSpec::default()
            }),
            status: Some(core::PodStatus {
                phase,
                pod_ips: many.map(|many| many.into_iter().map(|ip| core::PodIP { ip }).collect()),
                pod_ip: one,
                ..core::PodStatus::default()
            }),
        })
}

/// Reads an object as JSON and as YAML, and compares both.
fn agree(document: &serde_json::Value) -> Result<(), TestCaseError> {
    let wanted = expected(document);
    for text in [document.to_string(), serde_yaml_ng::to_string(document).unwrap()] {
        let own = ours(text.clone());
        prop_assert_eq!(own.len(), 1);
        prop_assert!(own[0].is_some(), "refused: {}", text);
        prop_assert_eq!(own[0].as_ref().map(|one| &one.body), wanted.as_ref(), "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn policies_that_the_types_write(policy in a_policy()) {
        agree(&serde_json::to_value(&policy).unwrap())?;
    }

    #[test]
    fn pods_that_the_types_write(pod in a_pod()) {
        agree(&serde_json::to_value(&pod).unwrap())?;
    }
}
