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
