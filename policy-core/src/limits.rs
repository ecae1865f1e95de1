//! Every bound on what is read, its unit in its name, and why that number.

/// The longest text of one file or one request, in bytes: a cluster of 100,000 pods as YAML is
/// some 300 MB.
pub const SOURCE_BYTES: usize = 1 << 30;

/// How deep a document may nest: etcd's and the API server's own JSON decoders stop at 10,000, a
/// Pod needs some 15.
pub const DEPTH_LEVELS: usize = 200;
