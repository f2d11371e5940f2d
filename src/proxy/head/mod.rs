//! What a request's head says, and what may go on of it. Pure: `target` checks it, [`source`] finds the token, [`bound`] what a token must match,
//! [`cross_site`] minds whose page sent a cookie, `credentials` takes out what was not verified, `forwarded` writes where a request came from,
//! [`websocket`] reads the handshake of the one upgrade there is, `subprotocol` the token in it, [`preflight`] a browser's question.

pub mod bound;
pub(in crate::proxy) mod credentials;
pub mod cross_site;
pub(in crate::proxy) mod forwarded;
pub mod preflight;
pub mod source;
#[cfg(test)]
mod source_testing;
pub(in crate::proxy) mod subprotocol;
pub(in crate::proxy) mod target;
pub(in crate::proxy) mod websocket;
