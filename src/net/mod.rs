//! What every outgoing connection needs, whoever opens it: an address that answers ([`dial`]).

pub mod dial;
