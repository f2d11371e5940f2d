//! The configuration file: YAML to a spanned tree, to typed values. Only here is YAML known. Every problem of a file is reported at once,
//! with line, column and a hint. It fills the other folders' own types.
//!
//! The way of a file: [`tree`] reads the YAML, [`substitute`] puts in the environment, [`decode`] walks the tree by the tables of
//! [`fields`] (each provider's own keys are in [`providers`]), and one file for each part ([`issuers`], [`keys`], [`routes`] ...) makes
//! settings of what it found. [`schema()`] and the reference page come from the same tables.

mod bindings;
mod decode;
mod decryption;
mod fields;
mod fields_bindings;
mod fields_decryption;
mod fields_identity;
mod fields_issuer;
mod fields_listen;
mod fields_upstream;
mod forward_trailers;
mod identity;
mod issuers;
mod key_material;
mod key_preset;
mod key_token;
mod keys;
mod kind;
mod listener;
mod near;
mod problem;
mod profile;
#[cfg(test)]
mod provider_page;
mod providers;
mod read_scalar;
mod record;
#[cfg(test)]
mod reference;
mod routes;
mod scalar;
mod schema;
#[cfg(any(test, fuzzing))]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "code of tests"
)]
pub(crate) mod schema_testing;
mod secret;
mod server;
mod substitute;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod tree;
mod units;
mod upstream;
mod upstream_url;

use std::collections::HashMap;
use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::identity::{HeaderRule, Underscores};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::Json;
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::keys::decryption::DecryptionConfig;
use crate::keys::source::SourceConfig;
use crate::policy::{RouteConfig, StrictPaths};
use crate::provider::Profile;
use crate::proxy::{TokenSettings, TunnelSettings, UpstreamSettings};
use crate::telemetry::LogSettings;
use crate::verify::Binding;

use kind::Kind;
use problem::{Mistake, Place, Problems};
use tree::Position;

pub use listener::{Listen, ListenSettings, end_is_near, read_tls_files, shown_time};
pub use problem::{Problem, Severity, render, to_json};
pub use schema::schema;

/// A whole, valid configuration.
pub struct Config {
    pub listen: Listen,
    pub admin: SocketAddr,
    /// Absent: the CPU quota of the cgroup, at least 1 (`app` finds it out).
    pub workers: Option<NonZeroUsize>,
    pub upstream: UpstreamSettings,
    pub tunnels: TunnelSettings,
    pub issuers: Vec<IssuerSetup>,
    pub token: TokenSettings,
    pub identity: IdentitySettings,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Absent: everything needs a token.
    pub routes: Option<Vec<RouteConfig>>,
    pub strict_paths: StrictPaths,
    pub log: LogSettings,
    pub shutdown: Shutdown,
    /// Absent: keys are remembered nowhere.
    pub keys_snapshot_dir: Option<PathBuf>,
    /// Loaded well, but the operator should know: printed by `check` and at start.
    pub warnings: Vec<Problem>,
}

/// One entry of `issuers:`; `app` numbers the sources and makes a `verify::IssuerConfig`.
pub struct IssuerSetup {
    /// Where the entry begins in the file, from 1.
    pub line: usize,
    pub column: usize,
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
    pub decryption: Option<DecryptionSetup>,
    pub bindings: Vec<Binding>,
}

/// `issuers[].decryption`; `app` numbers the keys and makes a `verify::Decryption`.
pub struct DecryptionSetup {
    pub config: DecryptionConfig,
    pub algorithms: Vec<KeyManagement>,
    pub encryptions: Vec<Encryption>,
    pub required: bool,
}

/// `identity:`; `app` makes the mapping and the managed names of it.
pub struct IdentitySettings {
    /// Absent: the default set.
    pub headers: Option<Vec<HeaderRule>>,
    pub max_bytes: usize,
    pub underscores: Underscores,
    pub strip: Vec<String>,
}

/// `shutdown:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    pub delay: Duration,
    pub drain_timeout: Duration,
}

/// Its Debug shows no value of the environment.
#[derive(Clone)]
pub struct LoadOptions {
    /// `--no-files`: secret and key files are not read.
    pub read_files: bool,
    /// Whether `keys_snapshot_dir` is tried by writing to it. The gate itself does that when it starts, and says so in its log.
    pub try_snapshots: bool,
    /// For `${NAME}` and `*_env`; `None` is the process's environment.
    pub environment: Option<HashMap<String, String>>,
}

/// As the gate itself reads its file.
impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            read_files: true,
            try_snapshots: false,
            environment: None,
        }
    }
}

impl std::fmt::Debug for LoadOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LoadOptions")
            .field("read_files", &self.read_files)
            .finish_non_exhaustive()
    }
}

/// Largest file, in bytes: a configuration that a person can read is far below.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads and checks a file. On an error every problem of the file, in its order, warnings too.
pub fn load(file: &Path, options: &LoadOptions) -> Result<Config, Vec<Problem>> {
    let name = file.display().to_string();
    match read_text(file) {
        Ok(text) => parse(&text, &name, options),
        Err((at, mistake)) => {
            let mut problems = Problems::new(&name, "");
            let path = String::new();
            problems.error(&Place { at, path }, mistake);
            Err(problems.into_sorted())
        }
    }
}

/// Checks a text; `name` stands for the file in problems.
pub fn parse(text: &str, name: &str, options: &LoadOptions) -> Result<Config, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::new(name, text);
    let config = build(text, options, &mut problems);
    if config.is_none() && problems.errors() == 0 {
        // Never a gate from half a configuration, even if a part above forgot to say why.
        problems.error(
            &Place::default(),
            Mistake::new("the configuration cannot be used")
                .hint("start again from `config/minimal.yaml`"),
        );
    }
    match config {
        Some(config) if problems.errors() == 0 => Ok(Config {
            warnings: problems.into_sorted(),
            ..config
        }),
        _ => Err(problems.into_sorted()),
    }
}

/// The files that are read with this configuration, as far as it can be understood, in its order: when one of them changes, so has the configuration.
/// Those that the gate reads again by itself (key sets, decryption keys, tokens for fetching) are not among them.
pub fn files_named_in(text: &str, options: &LoadOptions) -> Vec<PathBuf> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::new("", text);
    let mut files = Vec::new();
    if let (Some(mut node), _) = tree::read(text) {
        decode_root(&mut node, options, &mut problems, &mut files);
    }
    files
}

fn read_text(file: &Path) -> Result<String, (Position, Mistake)> {
    let whole = |mistake| (Position::default(), mistake);
    let cannot = |error: std::io::Error| {
        let mistake = match error.kind() {
            std::io::ErrorKind::NotFound => Mistake::new("there is no such file").hint(
                "name it with `--config FILE` or `$CLAIMGATE_CONFIG`; `claimgate demo --write-config DIR` writes one to begin with",
            ),
            kind => Mistake::new(format!("cannot read the file: {kind}")).hint("check its path and permissions"),
        };
        whole(mistake)
    };
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(whole(
            Mistake::new("the file is larger than 1 MiB").hint("is this the right file?"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before =
            String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
        let last = before.rsplit('\n').next().unwrap_or_default();
        let at = Position {
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
        };
        (
            at,
            Mistake::new("the file is not UTF-8").hint("save it as UTF-8"),
        )
    })
}

/// The environment is put in, and what comes of it is decoded.
fn decode_root(
    node: &mut tree::Node,
    options: &LoadOptions,
    problems: &mut Problems,
    files: &mut Vec<PathBuf>,
) -> Option<record::Item> {
    let environment = |name: &str| secret::variable(options.environment.as_ref(), name);
    let top = Place {
        at: node.at,
        path: String::new(),
    };
    substitute::substitute(node, &top, &environment, problems);
    decode::decode_with_files(node, &Kind::Table(&fields::ROOT), top, problems, files)
}

fn build(text: &str, options: &LoadOptions, problems: &mut Problems) -> Option<Config> {
    let (node, faults) = tree::read(text);
    let broken = !faults.is_empty();
    for fault in faults {
        let path = String::new();
        problems.error(&Place { at: fault.at, path }, fault.mistake);
    }
    let Some(mut node) = node.filter(|node| !node.is_null()) else {
        if !broken {
            problems.error(
                &Place::default(),
                Mistake::new("the file is empty")
                    .hint("it needs at least `upstream` and `issuers`"),
            );
        }
        return None;
    };
    let item = decode_root(&mut node, options, problems, &mut Vec::new())?;
    let root = item.record()?;

    let listen = listener::listen(root, options, problems);
    let admin = server::admin(root);
    let upstream = upstream::settings(root, options, problems);
    let authority = upstream.as_ref().map(|upstream| &upstream.authority);
    let address = server::listen_address(root);
    server::check_addresses(root, address, admin, authority, problems);
    let unverified_email = identity::unverified_email(root);
    let issuers = issuers::issuers(root, unverified_email, options, problems);
    let token = token::settings(root, problems);
    let identity = identity::settings(root, token.as_ref(), problems);
    bindings::check_places(root, token.as_ref(), identity.as_ref(), problems);
    forward_trailers::check(root, token.as_ref(), identity.as_ref(), problems);
    let strict_paths = routes::strict_paths(root);
    let routes = routes::routes(root, strict_paths, problems);
    let keys_snapshot_dir = server::keys_snapshot_dir(root, &issuers, options, problems);
    Some(Config {
        listen: listen?,
        admin: admin?,
        workers: server::workers(root),
        upstream: upstream?,
        tunnels: server::tunnels(root)?,
        issuers,
        token: token?,
        identity: identity?,
        trusted_proxies: server::trusted_proxies(root, problems),
        routes,
        strict_paths,
        log: server::log(root)?,
        shutdown: server::shutdown(root)?,
        keys_snapshot_dir,
        warnings: Vec::new(),
    })
}
