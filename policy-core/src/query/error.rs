//! Why a question has no answer.

use std::fmt;
use std::net::IpAddr;

use crate::cluster::ServiceError;
use crate::manifest::document::Kind;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionError {
    /// The end is in no form that an end has.
    MalformedEnd(String),
    /// The end, and the kind in it that no end has.
    UnknownKind(String, String),
    /// Nobody of that name was read.
    NotFound(String),
    /// A pod that ended: its address may be someone else's (C20).
    Completed(String),
    /// The name means several, of these kinds.
    Ambiguous {
        /// The end as written.
        end: String,
        /// The kinds of those whom it means.
        kinds: Vec<Kind>,
    },
    /// Two pods have one address (C27).
    SharedAddress {
        /// The address.
        address: IpAddr,
        /// Two of the pods.
        pods: [String; 2],
    },
    /// A block holds more than can be listed.
    TooManyMembers {
        /// How many can.
        limit: usize,
    },
    /// A Service that leads to nobody (C10).
    Service {
        /// The end as written.
        end: String,
        /// Why.
        error: ServiceError,
    },
    /// Nothing flows from a Service (C10).
    ServiceAsSource(String),
    /// A port stands behind the source, which sends from any.
    PortOfSource(String),
    /// Two ports were given for the destination.
    TwoPorts,
    /// A name of a port, and a destination that has none of the name.
    NoSuchPort {
        /// The end as written.
        end: String,
        /// The name.
        port: String,
    },
    /// A name of a port, and a destination that is no pod.
    NameOfNoPod(String),
    /// The port is not from 1 to 65535, nor a name.
    BadPort(String),
    /// The protocol is not TCP, UDP or SCTP (C17).
    BadProtocol(String),
    /// Neither end is a pod (C27).
    NoPod,
    /// A Service without selector, and no port: there is nothing to say about any of its ports.
    UnknownService(String),
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuestionError::MalformedEnd(text) => write!(
                f,
                "`{text}` is no end of a flow: write [KIND/]NAMESPACE/NAME[:PORT], \
                 svc/NAMESPACE/NAME[:PORT], node/NAME, an address or a CIDR"
            ),
            QuestionError::UnknownKind(text, kind) => write!(
                f,
                "`{kind}` in `{text}` is no kind of end: pod, deployment, statefulset, daemonset, \
                 replicaset, replicationcontroller, job, cronjob, svc or node"
            ),
            QuestionError::NotFound(end) => write!(f, "`{end}` was not read"),
            QuestionError::Completed(end) => write!(
                f,
                "`{end}` has ended (Succeeded or Failed), so its address may be another's (C20)"
            ),
            QuestionError::Ambiguous { end, kinds } => {
                let kinds: Vec<String> =
                    kinds.iter().map(|kind| kind.name().to_ascii_lowercase()).collect();
                write!(f, "`{end}` means several: put {} in front", kinds.join("/ or ") + "/")
            }
            QuestionError::SharedAddress { address, pods: [one, other] } => {
                write!(f, "`{address}` is the address of two live pods: {one} and {other} (C27)")
            }
            QuestionError::TooManyMembers { limit } => {
                write!(f, "the block holds more than {limit} pods and nodes: ask for the matrix")
            }
            QuestionError::Service { end, error } => write!(f, "`{end}`: {error} (C10)"),
            QuestionError::ServiceAsSource(end) => {
                write!(f, "`{end}` is a Service, from which nothing flows (C10)")
            }
            QuestionError::PortOfSource(end) => {
                write!(f, "`{end}` is the source: the port belongs to the destination")
            }
            QuestionError::TwoPorts => {
                f.write_str("the destination has one port behind its name, another beside it")
            }
            QuestionError::NoSuchPort { end, port } => {
                write!(f, "`{end}` has no port named `{port}`")
            }
            QuestionError::NameOfNoPod(port) => {
                write!(f, "`{port}` is the name of a container port, and the destination no pod")
            }
            QuestionError::BadPort(port) => {
                write!(f, "`{port}` is no port: a number from 1 to 65535, or a name")
            }
            QuestionError::BadProtocol(protocol) => {
                write!(f, "`{protocol}` is not TCP, UDP or SCTP (C17)")
            }
            QuestionError::NoPod => {
                f.write_str("neither end is a pod, so no policy has a say (C27)")
            }
            QuestionError::UnknownService(end) => {
                write!(f, "`{end}` has no selector, so its endpoints stand in no manifest (C10)")
            }
        }
    }
}

impl std::error::Error for QuestionError {}
