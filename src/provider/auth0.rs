//! Auth0.

use super::{BadSetting, Profile};

pub struct Settings {
    /// The tenant's domain and custom domains, without scheme.
    pub domains: Vec<String>,
    /// `org_id` (or `org_name` when it does not begin with `org_`) that tokens must carry.
    pub organization: Option<String>,
}
#[derive(Clone, Debug)]
pub struct Rules {
    pub organization: Option<String>,
}
pub fn profile(_settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    todo!()
}
