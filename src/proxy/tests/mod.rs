//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod binding;
mod framing;
mod hpack;
mod http2;
mod http2_app;
mod http2_limits;
mod identity;
mod life;
mod preflight;
mod raw_http2;
pub(in crate::proxy) mod testing;
mod upstream;
mod upstream_http2;
mod upstream_tls;
mod upstream_unix;
mod vectors;
mod websocket;
