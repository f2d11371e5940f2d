//! What every outgoing connection needs, whoever opens it: an address that answers ([`dial`]), and whom to trust ([`roots`]).

pub mod dial;
pub mod roots;
