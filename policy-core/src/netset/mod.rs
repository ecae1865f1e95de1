//! Sets of network things: ports, addresses, traffic, members. They know nothing of Kubernetes.
//!
//! Every set has one form, so `==` and `Hash` are set equality. Operations return values and leave
//! their operands alone.
