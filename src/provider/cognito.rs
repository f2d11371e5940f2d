//! Amazon Cognito user pools.

use super::{BadSetting, Profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    Id,
    Access,
}
pub struct Settings {
    pub region: Option<String>,
    pub user_pool_id: String,
    pub client_ids: Vec<String>,
    /// Default `[id]`.
    pub token_use: Vec<TokenUse>,
}
#[derive(Clone, Debug)]
pub struct Rules {
    pub client_ids: Vec<String>,
    pub token_use: Vec<TokenUse>,
}
pub fn profile(_settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    todo!()
}
