//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod binding;
mod framing;
mod identity;
mod life;
pub(in crate::proxy) mod testing;
mod upstream;
mod vectors;
