//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod binding;
mod framing;
mod http2_app;
mod identity;
mod life;
pub(in crate::proxy) mod testing;
mod upstream;
mod upstream_http2;
mod upstream_tls;
mod upstream_unix;
mod vectors;
