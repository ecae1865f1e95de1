//! Traffic, in the words of a NetworkPolicy's ports.

use serde::Serialize;

use crate::netset::Traffic;

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PortJson {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: &'static str,
    /// The port, or the first of a range.
    pub port: u16,
    /// The last of a range; left out if it is one port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
}

/// Traffic as a list of ports: canonical, sorted; every port is 1 to 65535.
pub fn traffic(traffic: &Traffic) -> Vec<PortJson> {
    traffic
        .items()
        .map(|(protocol, first, last)| PortJson {
            protocol: protocol.name(),
            port: first,
            end_port: (last != first).then_some(last),
        })
        .collect()
}
