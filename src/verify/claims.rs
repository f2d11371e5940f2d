//! Checks of the registered claims (RFC 7519 §4.1) at a given time.
