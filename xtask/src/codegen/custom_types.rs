//! The types of the custom resources that are read, which `k8s-openapi` does not have: the
//! administrators' policies of `policy.networking.k8s.io`, experimental channel, and our own.
//!
//! `[X]` is a list of X; `Any` is not looked into.

type Fields = &'static [(&'static str, &'static str)];

/// Each type with its fields.
pub(super) const TYPES: [(&str, Fields); 33] = [
    (
        "ClusterNetworkPolicy",
        &[
            ("apiVersion", "Text"),
            ("kind", "Text"),
            ("metadata", "ObjectMeta"),
            ("spec", "ClusterNetworkPolicySpec"),
            ("status", "Any"),
        ],
    ),
    (
        "ClusterNetworkPolicySpec",
        &[
            ("tier", "Text"),
            ("priority", "Int32"),
            ("subject", "Subject"),
            ("ingress", "[ClusterNetworkPolicyIngressRule]"),
            ("egress", "[ClusterNetworkPolicyEgressRule]"),
        ],
    ),
    ("Subject", &[("namespaces", "LabelSelector"), ("pods", "NamespacedPod")]),
    ("NamespacedPod", &[("namespaceSelector", "LabelSelector"), ("podSelector", "LabelSelector")]),
    (
        "ClusterNetworkPolicyIngressRule",
        &[
            ("name", "Text"),
            ("action", "Text"),
            ("from", "[IngressPeer]"),
            ("protocols", "[ClusterNetworkPolicyProtocol]"),
        ],
    ),
    (
        "ClusterNetworkPolicyEgressRule",
        &[
            ("name", "Text"),
            ("action", "Text"),
            ("to", "[EgressPeer]"),
            ("protocols", "[ClusterNetworkPolicyProtocol]"),
        ],
    ),
    ("IngressPeer", &[("namespaces", "LabelSelector"), ("pods", "NamespacedPod")]),
    (
        "EgressPeer",
        &[
            ("namespaces", "LabelSelector"),
            ("pods", "NamespacedPod"),
            ("nodes", "LabelSelector"),
            ("networks", "[Text]"),
            ("domainNames", "[Text]"),
        ],
    ),
    (
        "BaselineEgressPeer",
        &[
            ("namespaces", "LabelSelector"),
            ("pods", "NamespacedPod"),
            ("nodes", "LabelSelector"),
            ("networks", "[Text]"),
        ],
    ),
    (
        "ClusterNetworkPolicyProtocol",
        &[
            ("tcp", "ProtocolPort"),
            ("udp", "ProtocolPort"),
            ("sctp", "ProtocolPort"),
            ("destinationNamedPort", "Text"),
        ],
    ),
    ("ProtocolPort", &[("destinationPort", "Port")]),
    ("Port", &[("number", "Int32"), ("range", "PortRange")]),
    ("PortRange", &[("start", "Int32"), ("end", "Int32")]),
    (
        "AdminNetworkPolicy",
        &[
            ("apiVersion", "Text"),
            ("kind", "Text"),
            ("metadata", "ObjectMeta"),
            ("spec", "AdminNetworkPolicySpec"),
            ("status", "Any"),
        ],
    ),
    (
        "AdminNetworkPolicySpec",
        &[
            ("priority", "Int32"),
            ("subject", "Subject"),
            ("ingress", "[AdminNetworkPolicyIngressRule]"),
            ("egress", "[AdminNetworkPolicyEgressRule]"),
        ],
    ),
    (
        "AdminNetworkPolicyIngressRule",
        &[
            ("name", "Text"),
            ("action", "Text"),
            ("from", "[IngressPeer]"),
            ("ports", "[AdminNetworkPolicyPort]"),
        ],
    ),
    (
        "AdminNetworkPolicyEgressRule",
        &[
            ("name", "Text"),
            ("action", "Text"),
            ("to", "[EgressPeer]"),
            ("ports", "[AdminNetworkPolicyPort]"),
        ],
    ),
    (
        "AdminNetworkPolicyPort",
        &[
            ("portNumber", "ProtocolAndPort"),
            ("portRange", "ProtocolAndRange"),
            ("namedPort", "Text"),
        ],
    ),
    ("ProtocolAndPort", &[("protocol", "Text"), ("port", "Int32")]),
    ("ProtocolAndRange", &[("protocol", "Text"), ("start", "Int32"), ("end", "Int32")]),
    (
        "BaselineAdminNetworkPolicy",
        &[
            ("apiVersion", "Text"),
            ("kind", "Text"),
            ("metadata", "ObjectMeta"),
            ("spec", "BaselineAdminNetworkPolicySpec"),
            ("status", "Any"),
        ],
    ),
    (
        "BaselineAdminNetworkPolicySpec",
        &[
            ("subject", "Subject"),
            ("ingress", "[AdminNetworkPolicyIngressRule]"),
            ("egress", "[BaselineAdminNetworkPolicyEgressRule]"),
        ],
    ),
    (
        "BaselineAdminNetworkPolicyEgressRule",
        &[
            ("name", "Text"),
            ("action", "Text"),
            ("to", "[BaselineEgressPeer]"),
            ("ports", "[AdminNetworkPolicyPort]"),
        ],
    ),
    (
        "IsolationRule",
        &[
            ("apiVersion", "Text"),
            ("kind", "Text"),
            ("metadata", "ObjectMeta"),
            ("spec", "IsolationRuleSpec"),
        ],
    ),
    (
        "IsolationRuleSpec",
        &[
            ("severity", "Text"),
            ("message", "Text"),
            ("allowEmpty", "Bool"),
            ("forbid", "IsolationRuleForbid"),
            ("require", "IsolationRuleRequire"),
            ("isolated", "IsolationRuleIsolated"),
            ("separate", "IsolationRuleSeparate"),
        ],
    ),
    (
        "IsolationRuleForbid",
        &[
            ("from", "[IsolationRulePeer]"),
            ("to", "[IsolationRulePeer]"),
            ("ports", "[NetworkPolicyPort]"),
            ("except", "[IsolationRuleFlow]"),
        ],
    ),
    (
        "IsolationRuleRequire",
        &[
            ("from", "[IsolationRulePeer]"),
            ("to", "[IsolationRulePeer]"),
            ("ports", "[NetworkPolicyPort]"),
            ("reach", "Text"),
        ],
    ),
    (
        "IsolationRuleFlow",
        &[
            ("from", "[IsolationRulePeer]"),
            ("to", "[IsolationRulePeer]"),
            ("ports", "[NetworkPolicyPort]"),
        ],
    ),
    (
        "IsolationRuleIsolated",
        &[
            ("pods", "[IsolationRulePeer]"),
            ("except", "[IsolationRulePeer]"),
            ("directions", "[Text]"),
        ],
    ),
    (
        "IsolationRuleSeparate",
        &[
            ("groups", "[IsolationRuleGroup]"),
            ("byLabel", "Text"),
            ("except", "[IsolationRuleFlow]"),
        ],
    ),
    (
        "IsolationRulePeer",
        &[
            ("namespaceSelector", "LabelSelector"),
            ("podSelector", "LabelSelector"),
            ("ipBlock", "IPBlock"),
            ("outside", "IsolationRuleOutside"),
        ],
    ),
    ("IsolationRuleGroup", &[("name", "Text"), ("namespaceSelector", "LabelSelector")]),
    ("IsolationRuleOutside", &[]),
];
