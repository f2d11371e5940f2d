//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod admission;
mod binding;
pub(in crate::proxy) mod certificates;
mod framing;
mod identity;
mod life;
mod proxy_protocol;
pub(in crate::proxy) mod testing;
mod tls;
mod unix;
mod upstream;
mod vectors;
