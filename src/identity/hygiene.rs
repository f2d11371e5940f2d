//! Incoming headers, cleaned (threats H1 to H6, H12, H13). Always, on every route, before anything else can fail.

use http::HeaderMap;

use crate::verify::Rejection;

/// What happens to names with `_` that are not look-alikes of managed ones (those are always dropped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Underscores {
    #[default]
    Drop,
    Reject,
    Keep,
}

/// Every name that only the gate may set, folded: lower case, every other sign is `_`.
pub struct ManagedNames {/* private */}

impl ManagedNames {
    /// `mapped` (names of the mapping) and `strip` (of the configuration), besides what is always managed.
    pub fn new(_mapped: &[String], _strip: &[String], _underscores: Underscores) -> Self {
        todo!()
    }
    /// Whether `name` is managed or looks like a managed one.
    pub fn covers(&self, _name: &str) -> bool {
        todo!()
    }
    /// Hop-by-hop headers first (a `Connection` header that names a managed name, Host, Authorization, Content-Length or Transfer-Encoding: 400), then
    /// managed names and look-alikes, then the underscore policy. Returns how many lines were removed as managed or for their `_`.
    /// `Upgrade` and `Connection` are gone after this: who forwards an upgrade writes them anew. Content-Length and Transfer-Encoding are not touched: framing is the proxy's.
    pub fn clean(&self, _headers: &mut HeaderMap) -> Result<usize, Rejection> {
        todo!()
    }
}
