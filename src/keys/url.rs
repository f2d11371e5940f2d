//! An address that keys may be fetched from (threat K1): https, or http to loopback, or http when the operator said so.

/// A checked absolute URL. Cannot hold user information, a fragment, or another scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl(http::Uri);

/// Why a text is not an acceptable address, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKeyUrl(pub String);

impl KeyUrl {
    /// `allow_http`: plain http to any host; otherwise only to loopback (127.0.0.0/8, [::1], `localhost`).
    pub fn parse(_text: &str, _allow_http: bool) -> Result<Self, BadKeyUrl> {
        todo!()
    }
    pub fn uri(&self) -> &http::Uri {
        &self.0
    }
}
