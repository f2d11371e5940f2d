//! Any OpenID provider: OpenID Connect Discovery 1.0.

use super::{BadSetting, Profile};

pub struct Settings {
    pub issuer: String,
}
#[derive(Clone, Debug)]
pub struct Rules;
/// Keys by discovery at issuer + `/.well-known/openid-configuration` (a trailing slash of the issuer is not doubled). An issuer that is no URL is fine
/// only when the keys do not come from discovery: `config` checks that when it makes the address.
pub fn profile(_settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    todo!()
}
