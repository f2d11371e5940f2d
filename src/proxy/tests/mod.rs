//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod binding;
mod framing;
mod hpack;
mod http2;
mod http2_limits;
mod identity;
mod life;
mod raw_http2;
pub(in crate::proxy) mod testing;
mod upstream;
mod vectors;
mod websocket;
