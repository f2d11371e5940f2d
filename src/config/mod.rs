//! The configuration file: YAML to a spanned tree, to typed values. Only here is YAML known. Every problem of a file is reported at once,
//! with line, column and a hint. It fills the other folders' own types.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::identity::{HeaderRule, Underscores};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::Json;
use crate::keys::source::SourceConfig;
use crate::policy::{RouteConfig, StrictPaths};
use crate::provider::Profile;
use crate::proxy::{TokenSettings, UpstreamSettings};
use crate::telemetry::LogSettings;

/// A whole, valid configuration.
pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    /// Absent: the CPU quota of the cgroup, at least 1 (`app` finds it out).
    pub workers: Option<NonZeroUsize>,
    pub upstream: UpstreamSettings,
    pub issuers: Vec<IssuerSetup>,
    pub token: TokenSettings,
    pub identity: IdentitySettings,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Absent: everything needs a token.
    pub routes: Option<Vec<RouteConfig>>,
    pub strict_paths: StrictPaths,
    pub log: LogSettings,
    pub shutdown: Shutdown,
    /// Loaded well, but the operator should know: printed by `check` and at start.
    pub warnings: Vec<Problem>,
}

/// One entry of `issuers:`; `app` numbers the sources and makes a `verify::IssuerConfig`.
pub struct IssuerSetup {
    pub name: Arc<str>,
    pub profile: Profile,
    /// One for each form of the profile, or a single one that serves all forms (`keys:` was given).
    pub sources: Vec<SourceConfig>,
    pub algorithms: AlgorithmSet,
    /// Lower case, without `application/`.
    pub token_types: Vec<String>,
    pub audiences: Option<Vec<String>>,
    pub leeway: Duration,
    pub max_age: Option<Duration>,
    pub required_claims: Vec<(String, Vec<Json>)>,
    pub unverified_email: bool,
}

pub struct IdentitySettings {
    /// Absent: the default set.
    pub headers: Option<Vec<HeaderRule>>,
    pub max_bytes: usize,
    pub underscores: Underscores,
    pub strip: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    pub delay: Duration,
    pub drain_timeout: Duration,
}

/// One mistake, with where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    pub column: usize,
    /// `issuers[0].keys.jwks_url`
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
    pub severity: Severity,
    /// The source line, for the snippet. Never a secret: secrets are not in the file.
    pub snippet: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// `--no-files`: secret and key files are not read.
    pub read_files: bool,
    /// For `${NAME}` and `*_env`; `None` is the process's environment.
    pub environment: Option<HashMap<String, String>>,
}

/// Reads and checks a file.
pub fn load(_file: &Path, _options: &LoadOptions) -> Result<Config, Vec<Problem>> {
    todo!()
}
/// Checks a text; `name` stands for the file in problems.
pub fn parse(_text: &str, _name: &str, _options: &LoadOptions) -> Result<Config, Vec<Problem>> {
    todo!()
}
/// The JSON Schema (draft 2020-12) of the file, from the same field tables that the decoder walks.
pub fn schema() -> serde_json::Value {
    todo!()
}
