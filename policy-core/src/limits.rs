//! Every bound on what is read, its unit in its name, and why that number.

/// The longest text of one file or one request, in bytes: a cluster of 100,000 pods as YAML is
/// some 300 MB.
pub const SOURCE_BYTES: usize = 1 << 30;

/// How deep a document may nest: etcd's and the API server's own JSON decoders stop at 10,000, a
/// Pod needs some 15.
pub const DEPTH_LEVELS: usize = 200;

/// How many owners above each other are followed: Kubernetes itself makes chains of two
/// (CronJob, Job; Deployment, ReplicaSet), operators some more.
pub const OWNER_LEVELS: usize = 16;

/// How many pods and nodes one block in a question may hold: a question about more is a matrix.
pub const BLOCK_MEMBERS: usize = 100_000;

/// Whether aliases blow a document up: the rule of go-yaml, which the API server applies. More
/// than 100 aliased values and 1,000 values in all, of which from 99% (up to 400,000) down to 10%
/// (from 4,000,000 on) may come from aliases.
pub fn is_excessive_aliasing(written: u64, decoded: u64) -> bool {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    let aliased = decoded.saturating_sub(written);
    if aliased <= 100 || decoded <= 1_000 {
        return false;
    }
    let allowed = match decoded {
        0..=LOW => 0.99,
        HIGH.. => 0.10,
        _ => 0.99 - 0.89 * ((decoded - LOW) as f64 / (HIGH - LOW) as f64),
    };
    aliased as f64 / decoded as f64 > allowed
}

/// The longest text of one document, in bytes: etcd takes objects of 1.5 MB, a List of a large
/// cluster is some hundred.
pub const DOCUMENT_BYTES: usize = 1 << 30;

/// How many entries one map may take by merge keys: far more than any object has.
pub const MERGED_ENTRIES: usize = 1_000_000;

/// How many diagnostics one object may have; what comes behind is counted, not listed.
pub const DIAGNOSTICS: usize = 100;

/// How many values of one object are checked, aliases followed: a Pod has some thousand.
pub const OBJECT_VALUES: usize = 1_000_000;

/// How many pairs of members one question may mean: a question about more is a matrix.
pub const QUESTION_PAIRS: usize = 1_000_000;

/// How many places in manifests are remembered while answers are written: some 100 bytes each.
pub const REMEMBERED_PLACES: usize = 1_000_000;

/// A JSON List up to so many bytes is read whole, a larger one item by item: what is parsed at a
/// time then fits the processor's caches, and items are read in parallel where the host can.
pub const LIST_BYTES_READ_WHOLE: usize = 64 << 10;

/// In how many worlds an end is looked at, where administrators' rules hang on facts that the
/// manifests do not hold: addresses, names, nodes. Where there are more, all of it depends.
pub const WORLDS: usize = 1_024;

/// How many label sets of a node that was not read are tried: for each key that a rule asks for,
/// every value that it names, another one, and none.
pub const NODE_LABEL_SETS: usize = 4_096;

/// How many names of ports with several numbers in one pod, that administrators' rules use, are
/// settled for both ends of a flow at once: each doubles the readings. Those beyond are settled for
/// each end on its own, which may say `depends` where both ends together do not.
pub const JOINT_NAMES: usize = 3;

/// How many pieces of rows that share a layer are remembered while rows are worked out: some
/// kilobytes each in a large cluster.
pub const SHARED_LAYERS: usize = 4_096;
