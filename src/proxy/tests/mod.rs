//! The wire, over real sockets: a raw client, the gate, and an application that records every byte.

mod admission;
mod binding;
pub(in crate::proxy) mod certificates;
mod framing;
mod grpc;
mod hostile_app;
mod hpack;
mod http2;
mod http2_app;
mod http2_life;
mod http2_limits;
mod http2_time;
mod identity;
mod life;
mod parked;
mod preflight;
mod proxy_protocol;
mod raw_http2;
mod streaming;
pub(in crate::proxy) mod testing;
mod tls;
mod unix;
mod upstream;
mod upstream_http2;
mod upstream_tls;
mod upstream_unix;
mod websocket;
