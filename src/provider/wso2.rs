//! WSO2 Identity Server and Asgardeo.

use super::{BadSetting, Profile};

pub struct Settings {
    /// `https://is.example.com:9443`
    pub url: String,
    pub tenant: Option<String>,
}
#[derive(Clone, Debug)]
pub struct Rules;
pub fn profile(_settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    todo!()
}
