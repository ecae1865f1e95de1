//! What a diff takes, both sides being read: finding what changed, and what that opens and closes.

use std::time::Duration;

use policy_core::compile::{Change, CompiledPolicy};
use policy_core::manifest::document::Object;
use policy_core::query::{Changes, Diff, Texts, changes, diff};

use crate::random::Random;
use crate::{SEED, millis, read_text, timed};

/// As many as the text shows.
const RADII: usize = 10;

/// Rows of a diff; `objects` are those of the policy. The policy is afterwards another.
pub(crate) fn rows(
    policy: &mut CompiledPolicy,
    objects: &[Object],
    say: &mut impl FnMut(&'static str, f64, &str),
) {
    let policies: Vec<Object> =
        objects.iter().filter(|one| one.key.kind.is_policy()).cloned().collect();
    // The rules of one policy under the name of another.
    let mut random = Random::new(SEED + 2);
    let mut swapped = || {
        let one = policies.get(random.below(policies.len()))?;
        let other = policies.get(random.below(policies.len()))?;
        let mut changed = one.clone();
        changed.body.clone_from(&other.body);
        Some((changed, one.clone()))
    };
    let mut second = objects.to_vec();
    if let Some((changed, _)) = swapped()
        && let Some(own) = second.iter_mut().find(|own| own.key == changed.key)
    {
        *own = changed;
    }
    let (found, took) = timed(|| changes(policy, &mut Texts::new(&[], &[]), second));
    say("diff: finding the one object that changed", millis(took), "ms");
    let found = Changes { list: found.list, ..Changes::default() };
    let (one, took) = timed(|| diff(policy, found, RADII));
    say("diff: that policy changed", millis(took), "ms");
    std::hint::black_box(one);
    let mut times: Vec<Duration> = Vec::new();
    let mut blocks = 0;
    for _ in 0..50 {
        let Some((changed, before)) = swapped() else { return };
        for object in [changed, before] {
            let (found, took) = timed(|| diff(policy, of(Change::Put(Box::new(object))), RADII));
            blocks += found.blocks.len();
            times.push(took);
        }
    }
    times.sort();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    say("diff: a policy changed, median", millis(at(50)), "ms");
    say("diff: a policy changed, p99 of 100", millis(at(99)), "ms");
    say("diff: blocks of a policy changed", blocks as f64 / times.len() as f64, "");
    let mut put = |name: &'static str, texts: &[String]| {
        let list: Vec<Change> = texts
            .iter()
            .filter_map(|text| read_text(text.clone()).0.pop())
            .map(|object| Change::Put(Box::new(object)))
            .collect();
        let (found, took): (Diff, Duration) =
            timed(|| diff(policy, Changes { list, ..Changes::default() }, RADII));
        std::hint::black_box(found);
        say(name, millis(took), "ms");
    };
    put(
        "diff: deny-all of the largest namespace",
        &[r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"shut","namespace":"ns-0"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"]}}"#.to_owned()],
    );
    put(
        "diff: a namespace relabelled",
        &[r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ns-2","labels":{"team":"team-3","env":"dev"}}}"#.to_owned()],
    );
    let pods: Vec<String> = (0..5)
        .map(|at| {
            format!(
                r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"fresh-{at}","namespace":"ns-3","labels":{{"app":"fresh"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"StatefulSet","name":"fresh","controller":true,"uid":"u"}}]}},"status":{{"podIPs":[{{"ip":"10.200.1.{at}"}}]}}}}"#
            )
        })
        .collect();
    put("diff: a new workload of five pods", &pods);
}

fn of(change: Change) -> Changes {
    Changes { list: vec![change], ..Changes::default() }
}
