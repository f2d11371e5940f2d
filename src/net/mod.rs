//! What every outgoing connection needs, whoever opens it: an address that answers ([`dial`]), and whom to trust ([`roots`]);
//! and what TLS presents itself with, in either direction ([`identity`]).

pub mod dial;
pub mod identity;
pub mod roots;
