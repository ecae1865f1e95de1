//! Every mistake that the file can hold, with its place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use policy_config::{Config, parse};

fn check(text: &str, expected: &[&str]) {
    let mistakes = parse(text).unwrap_err();
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn mistakes_have_places() {
    check("profil = \"spec\"", &["1:1: unknown key `profil`: did you mean `profile`?"]);
    check("\npod_cidr = []", &["2:1: unknown key `pod_cidr`: did you mean `pod-cidr`?"]);
    check("colour = \"red\"", &["1:1: unknown key `colour`"]);
    check("paths = 7", &["1:9: a list of texts is expected here, not a value of type integer"]);
    check(
        "paths = [\n  \"a\",\n  true,\n]",
        &["3:3: text in quotes is expected here, not a value of type boolean"],
    );
    check(
        "profile = \"calicoo\"",
        &[
            "1:11: `calicoo` is none of spec, calico, cilium, antrea, ovn-kubernetes, kube-network-policies: did you mean `calico`?",
        ],
    );
    check("pod-cidr = \"10.0.0.0/40\"", &["1:12: `10.0.0.0/40` is no CIDR such as 10.244.0.0/16"]);
    check(
        "fail-on = \"warn\"\n[levels]\nunknown-field = \"fatal\"\n",
        &[
            "1:11: `warn` is none of error, warning, info, never",
            "3:17: `fatal` is none of off, info, warning, error",
        ],
    );
    check(
        "levels = \"off\"",
        &["1:10: a table `[levels]` is expected here, not a value of type string"],
    );
    check(
        "exclude = [\"/etc\"]",
        &["1:12: `/etc` is no pattern: it must be relative to the folder of the file"],
    );
}

#[test]
fn what_is_no_toml() {
    let mistakes = parse("paths = [\n").unwrap_err();
    assert_eq!((mistakes.len(), mistakes.first().unwrap().start.line), (1, 1));
    let mistakes = parse("paths = []\npaths = []\n").unwrap_err();
    assert_eq!(mistakes.first().unwrap().start.line, 2);
}

#[test]
fn nothing_is_a_configuration() {
    assert_eq!(parse("").unwrap(), Config::default());
    assert_eq!(parse("paths = \"one\"").unwrap().paths, ["one"]);
}
