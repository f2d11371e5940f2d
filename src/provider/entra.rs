//! Microsoft Entra ID, v1.0 and v2.0.

use super::{BadSetting, Profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsOverage {
    Flag,
    Deny,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}
pub struct Settings {
    /// A GUID, `common`, `organizations` or `consumers`.
    pub tenant: String,
    pub allowed_tenants: Vec<String>,
    pub any_tenant: bool,
    pub versions: Vec<Version>,
    pub groups_overage: GroupsOverage,
}
#[derive(Clone, Debug)]
pub struct Rules {
    pub allowed_tenants: Option<Vec<String>>,
    pub one_tenant: bool,
    pub groups_overage: GroupsOverage,
}
pub fn profile(_settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    todo!()
}
