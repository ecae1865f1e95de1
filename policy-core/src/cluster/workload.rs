//! Which objects of a namespace are endpoints, and which workload each belongs to (C23).

use std::collections::{BTreeMap, BTreeSet};

use super::Workload;
use crate::limits;
use crate::manifest::document::{self, Body, Kind, Object, Owner, Phase, Pod};

/// A kind and a name in the namespace at hand.
pub(super) type Name = (Kind, String);

/// The workloads that were read, by kind and name.
type Read<'a> = BTreeMap<(&'a str, &'a str), &'a document::Workload>;

/// What stands for whom in one namespace.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// Each endpoint with the workload that it belongs to, if that is not itself.
    pub(super) endpoints: BTreeMap<Name, Option<Workload>>,
    /// Pods that ended (C20).
    pub(super) completed: BTreeSet<String>,
    /// For each workload that is no endpoint: the endpoints that stand for it.
    pub(super) stand_ins: BTreeMap<(String, String), BTreeSet<Name>>,
}

/// Sorts out the pods and workloads of one namespace.
pub(super) fn roles<'a>(objects: impl Iterator<Item = &'a Object>) -> Roles {
    let mut pods: Vec<(&str, &Pod)> = Vec::new();
    let mut workloads: Read = BTreeMap::new();
    for object in objects {
        match &object.body {
            Body::Pod(pod) => pods.push((&object.key.name, pod)),
            Body::Workload(workload) => {
                workloads.insert((object.key.kind.name(), &object.key.name), workload);
            }
            Body::Namespace(_)
            | Body::Node(_)
            | Body::Service(_)
            | Body::NetworkPolicy(_)
            | Body::AdminPolicy(_)
            | Body::IsolationRule(_) => {}
        }
    }

    let mut roles = Roles::default();
    let mut with_pods: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, pod) in pods {
        if pod.phase == Phase::Completed {
            roles.completed.insert(name.to_owned());
            continue;
        }
        let chain = owners(pod, &workloads);
        for owner in &chain {
            let key = (owner.kind.clone(), owner.name.clone());
            roles.stand_ins.entry(key).or_default().insert((Kind::Pod, name.to_owned()));
            with_pods.insert((owner.kind.clone(), owner.name.clone()));
        }
        let top = topmost(chain, &workloads);
        roles.endpoints.insert((Kind::Pod, name.to_owned()), top);
    }
    let kind_of = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    for (&(kind, name), workload) in &workloads {
        let mut chain = Vec::new();
        follow(workload.owner.as_ref(), &workloads, &mut chain);
        let owned = chain.iter().any(|owner| workloads.contains_key(&owner.key()));
        let has_pods = with_pods.contains(&(kind.to_owned(), name.to_owned()));
        let Some(kind) = kind_of(kind) else { continue };
        if !owned && !has_pods {
            roles.endpoints.insert((kind, name.to_owned()), None);
        }
    }
    for (&(kind, name), workload) in &workloads {
        let mut chain = Vec::new();
        follow(workload.owner.as_ref(), &workloads, &mut chain);
        let above = chain.into_iter().filter_map(|owner| Some((kind_of(&owner.kind)?, owner.name)));
        for top in above.filter(|above| roles.endpoints.contains_key(above)) {
            let key = (kind.to_owned(), name.to_owned());
            roles.stand_ins.entry(key).or_default().insert(top);
        }
    }
    roles
}

/// The controllers of a pod from the nearest up, those that were not read included.
fn owners(pod: &Pod, workloads: &Read) -> Vec<Workload> {
    let mut chain = Vec::new();
    let Some(owner) = &pod.owner else { return chain };
    follow(Some(owner), workloads, &mut chain);
    let nearest_read = workloads.contains_key(&(owner.kind.as_str(), owner.name.as_str()));
    if owner.kind == Kind::ReplicaSet.name() && !nearest_read {
        // The ReplicaSet of a Deployment is NAME-HASH, and its pods carry the hash.
        let hash = pod.labels.get("pod-template-hash").unwrap_or_default();
        let deployment = owner
            .name
            .strip_suffix(hash)
            .and_then(|rest| rest.strip_suffix('-'))
            .filter(|name| !hash.is_empty() && !name.is_empty());
        if let Some(name) = deployment {
            let bridged = Owner {
                api_version: Kind::Deployment.api_version().to_owned(),
                kind: Kind::Deployment.name().to_owned(),
                name: name.to_owned(),
            };
            follow(Some(&bridged), workloads, &mut chain);
        }
    }
    chain
}

/// Adds the owner, its owner and so on.
fn follow(owner: Option<&Owner>, workloads: &Read, chain: &mut Vec<Workload>) {
    let mut next = owner;
    while let Some(owner) = next {
        let this = Workload { kind: owner.kind.clone(), name: owner.name.clone() };
        if chain.contains(&this) || chain.len() >= limits::OWNER_LEVELS {
            return;
        }
        next = workloads
            .get(&(owner.kind.as_str(), owner.name.as_str()))
            .and_then(|workload| workload.owner.as_ref());
        chain.push(this);
    }
}

/// The topmost owner that was read; else, for a pod of a Deployment's absent ReplicaSet, that
/// Deployment; else the nearest owner.
fn topmost(chain: Vec<Workload>, workloads: &Read) -> Option<Workload> {
    let read = chain.iter().rposition(|owner| workloads.contains_key(&owner.key()));
    match read {
        Some(at) => chain.into_iter().nth(at),
        None => chain.into_iter().next_back(),
    }
}
