//! What `isolation` says of the tiers, over small clusters: a sentence a test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use policy_core::compile::{Options, compile};
use policy_core::manifest::{ReadOptions, Source, read};
use policy_core::netset::Direction;
use policy_core::profile::Profile;
use policy_core::query::{Isolation, NamespaceIsolation, isolation};
use policy_core::say;

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tenant: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops, labels: {tenant: ops}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: metrics, containerPort: 9090}]}]}
status: {podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c}]}
status: {podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: ops, labels: {app: agent}}
spec: {containers: [{name: c}]}
status: {podIPs: [{ip: 10.0.0.3}]}
";

/// A ClusterNetworkPolicy.
fn cnp(name: &str, tier: &str, priority: u16, spec: &str) -> String {
    format!(
        "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n\
         metadata: {{name: {name}}}\nspec: {{tier: {tier}, priority: {priority}, {spec}}}\n"
    )
}

/// One of the Baseline tier, whose subject is `shop`.
fn baseline(name: &str, priority: u16, rules: &str) -> String {
    let subject = "subject: {namespaces: {matchLabels: {tenant: shop}}}";
    cnp(name, "Baseline", priority, &format!("{subject}, {rules}"))
}

/// The singleton of v1alpha1, whose subject is `shop`.
fn old_baseline(rules: &str) -> String {
    format!(
        "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n\
         metadata: {{name: default}}\n\
         spec: {{subject: {{namespaces: {{matchLabels: {{tenant: shop}}}}}}, {rules}}}\n"
    )
}

fn netpol(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

fn found_by(profile: Profile, policies: &[String]) -> Isolation {
    let text = format!("{CLUSTER}{}", policies.concat());
    let options = ReadOptions { namespace: "default".into(), keep_spec: false };
    let mut reading = read(vec![Source { name: "test".into(), text }], &options);
    for record in &reading.records {
        assert_eq!(record.accepted, Some(true), "{:?}", record.diagnostics);
    }
    isolation(&compile(reading.take_objects(), Options { profile, pod_cidrs: Vec::new() }))
}

fn found(policies: &[String]) -> Isolation {
    found_by(Profile::Spec, policies)
}

fn of<'a>(found: &'a Isolation, namespace: &str) -> &'a NamespaceIsolation {
    found.namespaces.iter().find(|one| one.name == namespace).unwrap()
}

/// What is said of the default denies of `shop`.
fn denies(policies: &[String]) -> [String; 2] {
    let found = found(policies);
    let shop = of(&found, "shop");
    [say::default_deny(&shop.ingress), say::default_deny(&shop.egress)]
}

/// What is said of the default deny of `shop` for ingress.
#[track_caller]
fn check(policies: &[String], expected: &str) {
    assert_eq!(denies(policies)[0], expected);
}

const DENY: &str = "{action: Deny, from: [{namespaces: {}}]}";

#[test]
fn a_baseline_rule_makes_a_default_deny_with_pods_only() {
    check(
        &[baseline("closed", 5, &format!("ingress: [{DENY}]"))],
        "yes, Baseline closed (pods only)",
    );
    let both = "{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {}}}]}";
    check(
        &[baseline("closed", 5, &format!("ingress: [{both}]"))],
        "yes, Baseline closed (pods only)",
    );
    check(&[old_baseline(&format!("ingress: [{DENY}]"))], "yes, Baseline default (pods only)");
    check(&[], "no");
}

#[test]
fn it_stands_beside_that_of_network_policies() {
    let own = netpol("deny-all", "podSelector: {}");
    check(std::slice::from_ref(&own), "yes, shop/deny-all");
    let closed = baseline("closed", 5, &format!("ingress: [{DENY}]"));
    check(&[own, closed], "yes, shop/deny-all; Baseline closed (pods only)");
}

#[test]
fn other_namespaces_are_not_spoken_of() {
    let found = found(&[baseline("closed", 5, &format!("ingress: [{DENY}]"))]);
    assert!(of(&found, "shop").ingress.holds());
    assert!(!of(&found, "ops").ingress.holds());
    assert!(!of(&found, "shop").egress.holds());
}

#[test]
fn some_peers_ports_or_pods_are_not_all() {
    let some = [
        "ingress: [{action: Deny, from: [{namespaces: {matchLabels: {tenant: ops}}}]}]",
        "ingress: [{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}]}]",
        "ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}]",
        "ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{destinationNamedPort: metrics}]}]",
        "ingress: [{action: Accept, from: [{namespaces: {}}]}]",
    ];
    for rules in some {
        check(&[baseline("some", 5, rules)], "no");
    }
    let pods = "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}";
    check(&[cnp("web", "Baseline", 5, &format!("{pods}, ingress: [{DENY}]"))], "no");
    let admin = "subject: {namespaces: {}}";
    check(&[cnp("first", "Admin", 5, &format!("{admin}, ingress: [{DENY}]"))], "no");
}

#[test]
fn every_port_may_be_written_out() {
    let every = |kind: &str| {
        format!("{{{kind}: {{destinationPort: {{range: {{start: 1, end: 65535}}}}}}}}")
    };
    let (tcp, udp, sctp) = (every("tcp"), every("udp"), every("sctp"));
    let one = format!(
        "ingress: [{{action: Deny, from: [{{namespaces: {{}}}}], protocols: [{tcp}, {udp}, {sctp}]}}]"
    );
    check(&[baseline("closed", 5, &one)], "yes, Baseline closed (pods only)");
    let rule =
        |port: &str| format!("{{action: Deny, from: [{{namespaces: {{}}}}], protocols: [{port}]}}");
    let three = format!("ingress: [{}, {}, {}]", rule(&tcp), rule(&udp), rule(&sctp));
    check(&[baseline("closed", 5, &three)], "yes, Baseline closed (pods only)");
    let two = format!("ingress: [{}, {}]", rule(&tcp), rule(&udp));
    check(&[baseline("open", 5, &two)], "no");
}

#[test]
fn what_stands_before_it_may_decide_everything() {
    let accept = "{action: Accept, from: [{namespaces: {}}]}";
    let pass = "{action: Pass, from: [{namespaces: {}}]}";
    for before in [accept, pass] {
        check(&[baseline("open", 5, &format!("ingress: [{before}, {DENY}]"))], "no");
        check(
            &[baseline("closed", 5, &format!("ingress: [{DENY}, {before}]"))],
            "yes, Baseline closed (pods only)",
        );
        let earlier = baseline("a", 4, &format!("ingress: [{before}]"));
        let later = baseline("z", 6, &format!("ingress: [{before}]"));
        let closed = baseline("m", 5, &format!("ingress: [{DENY}]"));
        check(&[earlier, closed.clone()], "no");
        check(&[closed, later], "yes, Baseline m (pods only)");
    }
    let some = "{action: Accept, from: [{namespaces: {matchLabels: {tenant: ops}}}]}";
    check(
        &[baseline("closed", 5, &format!("ingress: [{some}, {DENY}]"))],
        "yes, Baseline closed (pods only)",
    );
    let port = "{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 443}}}]}";
    check(
        &[baseline("closed", 5, &format!("ingress: [{port}, {DENY}]"))],
        "yes, Baseline closed (pods only)",
    );
}

#[test]
fn of_alternatives_all_that_decide_everything_must_deny() {
    let open = "ingress: [{action: Accept, from: [{namespaces: {}}]}]";
    let some = "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {tenant: ops}}}]}]";
    let closed = format!("ingress: [{DENY}]");
    let equal = |rules: &str| [baseline("a", 5, &closed), baseline("b", 5, rules)];
    check(&equal(open), "no");
    check(&equal(some), "yes, Baseline a (pods only)");
    check(&equal(&closed), "yes, Baseline a (pods only), b (pods only)");
    // The two versions of the API are not ordered one against the other.
    let old = "ingress: [{action: Allow, from: [{namespaces: {}}]}]";
    check(&[baseline("a", 5, &closed), old_baseline(old)], "no");
    check(
        &[baseline("a", 5, &closed), old_baseline(&closed)],
        "yes, Baseline default (pods only), a (pods only)",
    );
}

#[test]
fn egress_may_cover_addresses_outside() {
    let rules =
        |rules: &str| denies(&[baseline("closed", 5, &format!("egress: [{rules}]"))])[1].clone();
    let pods = "{action: Deny, to: [{namespaces: {}}]}";
    let all = "{action: Deny, to: [{networks: [0.0.0.0/0, '::/0']}]}";
    let four = "{action: Deny, to: [{networks: [0.0.0.0/0]}]}";
    let halves = "{action: Deny, to: [{networks: [0.0.0.0/1, '::/0']}, {networks: [128.0.0.0/1]}]}";
    assert_eq!(rules(pods), "yes, Baseline closed (pods only)");
    assert_eq!(rules(all), "yes, Baseline closed");
    assert_eq!(rules(halves), "yes, Baseline closed");
    assert_eq!(rules(four), "no");
    assert_eq!(rules(&format!("{pods}, {all}")), "yes, Baseline closed");
    let accept = "{action: Accept, to: [{namespaces: {}}]}";
    assert_eq!(rules(&format!("{accept}, {all}")), "no");
    let outside = "{action: Accept, to: [{networks: [0.0.0.0/0, '::/0']}]}";
    assert_eq!(rules(&format!("{pods}, {outside}, {all}")), "yes, Baseline closed (pods only)");
}

/// The rules of the Admin tier that accept something of a namespace.
fn accepts(policies: &[String], namespace: &str, direction: Direction) -> Vec<String> {
    let found = found(policies);
    let one = of(&found, namespace);
    let deny = match direction {
        Direction::Ingress => &one.ingress,
        Direction::Egress => &one.egress,
    };
    let told = deny.accepts.iter().map(|accept| {
        let mark = if accept.depends { " ?" } else { "" };
        format!("{} {} {}{mark}", accept.policy.name, accept.path, accept.name)
    });
    told.collect()
}

const EVERYWHERE: &str = "subject: {namespaces: {}}";
const SCRAPE: &str =
    "{name: scrape, action: Accept, from: [{namespaces: {matchLabels: {tenant: ops}}}]}";

#[test]
fn an_accept_of_the_admin_tier_reaches_around() {
    let scrape = [cnp("ops", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{SCRAPE}]"))];
    assert_eq!(accepts(&scrape, "shop", Direction::Ingress), ["ops spec.ingress[0] scrape"]);
    assert!(accepts(&scrape, "shop", Direction::Egress).is_empty());
    // A pod to itself is exempt, and there is no other in `ops`.
    assert!(accepts(&scrape, "ops", Direction::Ingress).is_empty());
}

#[test]
fn a_rule_that_is_wholly_shadowed_is_not_named() {
    let deny = "{action: Deny, from: [{namespaces: {matchLabels: {tenant: ops}}}]}";
    let ports = "{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}";
    let before = |rule: &str| {
        let policies =
            [cnp("ops", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{rule}, {SCRAPE}]"))];
        accepts(&policies, "shop", Direction::Ingress)
    };
    assert!(before(deny).is_empty());
    assert_eq!(before(ports), ["ops spec.ingress[1] scrape"]);
    let first = cnp("a", "Admin", 4, &format!("{EVERYWHERE}, ingress: [{deny}]"));
    let second = cnp("b", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{SCRAPE}]"));
    assert!(accepts(&[first, second], "shop", Direction::Ingress).is_empty());
}

#[test]
fn a_rule_nobody_is_matched_by_is_not_named() {
    let nobody = "{action: Accept, from: [{namespaces: {matchLabels: {tenant: gone}}}]}";
    let named =
        "{action: Accept, from: [{namespaces: {}}], protocols: [{destinationNamedPort: metrics}]}";
    let rules = [cnp("a", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{nobody}, {named}]"))];
    assert_eq!(accepts(&rules, "shop", Direction::Ingress), ["a spec.ingress[1] "]);
    assert!(accepts(&rules, "ops", Direction::Ingress).is_empty());
}

#[test]
fn what_hangs_on_facts_or_on_an_alternative_may() {
    let names = "egress: [{action: Accept, to: [{domainNames: ['*.example.com']}]}]";
    let rules = [cnp("a", "Admin", 5, &format!("{EVERYWHERE}, {names}"))];
    assert_eq!(accepts(&rules, "shop", Direction::Egress), ["a spec.egress[0]  ?"]);
    // No node was read.
    let nodes = "egress: [{action: Accept, to: [{nodes: {}}]}]";
    let rules = [cnp("a", "Admin", 5, &format!("{EVERYWHERE}, {nodes}"))];
    assert_eq!(accepts(&rules, "shop", Direction::Egress), ["a spec.egress[0]  ?"]);
    let network = "egress: [{action: Accept, to: [{networks: [192.0.2.0/24]}]}]";
    let rules = [cnp("a", "Admin", 5, &format!("{EVERYWHERE}, {network}"))];
    assert_eq!(accepts(&rules, "shop", Direction::Egress), ["a spec.egress[0] "]);
    let scrape = cnp("a", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{SCRAPE}]"));
    let deny = cnp("b", "Admin", 5, &format!("{EVERYWHERE}, ingress: [{DENY}]"));
    assert_eq!(
        accepts(&[scrape, deny], "shop", Direction::Ingress),
        ["a spec.ingress[0] scrape ?"]
    );
}

#[test]
fn who_is_selected_for_the_other_direction_only_may_never_reach_baseline() {
    let policies = [
        baseline("closed", 5, &format!("ingress: [{DENY}]")),
        netpol("out", "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]"),
    ];
    let count = |profile| {
        let found = found_by(profile, &policies);
        let beyond = of(&found, "shop").ingress.beyond_baseline;
        assert_eq!(of(&found, "shop").egress.beyond_baseline, Default::default());
        assert_eq!(of(&found, "ops").ingress.beyond_baseline, Default::default());
        (beyond.certain, beyond.depends)
    };
    assert_eq!(count(Profile::Spec), (0, 1));
    assert_eq!(count(Profile::Antrea), (0, 0));
    assert_eq!(count(Profile::KubeNetworkPolicies), (1, 0));
    let beyond = of(&found(&policies), "shop").ingress.beyond_baseline;
    assert_eq!(
        say::beyond_baseline(beyond, "shop", Direction::Ingress),
        "1 of shop may never reach Baseline for ingress: NetworkPolicies select them for egress \
         only (C16)"
    );
}

#[test]
fn each_end_says_which_policies_of_administrators_govern_it() {
    let pods = "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}";
    let found = found(&[
        baseline("closed", 5, &format!("ingress: [{DENY}]")),
        cnp("ops", "Admin", 9, &format!("{EVERYWHERE}, ingress: [{SCRAPE}]")),
        cnp("web", "Admin", 7, &format!("{pods}, ingress: [{SCRAPE}]")),
    ]);
    let of = |at: usize| -> Vec<String> {
        let own = found.endpoints[at].ingress.governing.iter();
        own.map(|one| format!("{} {}", one.tier.name(), one.policy.name)).collect()
    };
    assert_eq!(of(0), ["Admin ops"]);
    assert_eq!(of(1), ["Admin ops", "Baseline closed"]);
    assert_eq!(of(2), ["Admin web", "Admin ops", "Baseline closed"]);
    assert!(found.endpoints.iter().all(|one| one.egress.governing.is_empty()));
    assert_eq!(found.admin_policies, 3);
}
