//! What a request's head says, and what may go on of it. Pure: `fields` puts HTTP/2's into HTTP/1.1's form, `target` checks it, [`source`] finds the token, [`bound`] what a token must match,
//! [`cross_site`] minds whose page sent a cookie, `credentials` takes out what was not verified, `forwarded` writes where a request came from,
//! [`websocket`] reads the handshake of the one upgrade there is.

pub mod bound;
pub(in crate::proxy) mod credentials;
pub mod cross_site;
pub(in crate::proxy) mod fields;
pub(in crate::proxy) mod forwarded;
pub mod source;
#[cfg(test)]
mod source_testing;
pub(in crate::proxy) mod target;
pub mod websocket;
