//! `issuers[].keys`, where the verification keys of one entry are.

use std::sync::Arc;

use super::fields_issuer::{KEY_SOURCES, KEYS};
use super::kind::Kind;
use super::problem::{Mistake, Place, Problems, shown};
use super::record::{Data, Item, Record};
use super::tree::{Node, Value};
use super::{LoadOptions, secret};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::jwk::KeyPolicy;
use crate::keys::fetch::{FetchSettings, only_roots, system_roots};
use crate::keys::kid::KidUrl;
use crate::keys::plan::Timing;
use crate::keys::source::{FileFormat, Origin, SourceConfig};
use crate::keys::url::KeyUrl;
use crate::provider::Profile;

pub(super) const ABOUT_URLS: &str = "write it in full, as `https://id.example.com/jwks`";
pub(super) const ABOUT_KID_URLS: &str = "write it in full, as `https://keys.example.com/{kid}`";
/// Sources that are fetched.
const FETCHED: [&str; 4] = ["jwks_url", "discovery_url", "certificates_url", "pem_url"];

/// What an entry says besides its `keys:`.
pub(super) struct Entry<'e> {
    pub record: &'e Record,
    pub name: Arc<str>,
    pub profile: &'e Profile,
    /// The profile's issuer is the entry's, and no stand-in.
    pub issuer_is_right: bool,
    /// `None`: not known, because of a mistake.
    pub algorithms: Option<AlgorithmSet>,
    pub required_for_ready: bool,
}

/// Whether the entry verifies with a shared secret. `None`: not known, because of a mistake.
pub(super) fn is_secret(record: &Record) -> Option<bool> {
    if record.broken("keys") {
        return None;
    }
    let Some(keys) = record.record("keys") else {
        return Some(false);
    };
    (!misspelt(keys)).then(|| keys.given("secret_file") || keys.given("secret_env"))
}

/// The entry names a source under a wrong name, which is reported.
fn misspelt(keys: &Record) -> bool {
    let given = |name: &&str| keys.given(name);
    let meant = |name: &&str| keys.broken(name);
    !KEY_SOURCES.iter().any(given) && KEY_SOURCES.iter().any(meant)
}

/// One source for each form of the profile, or one that serves all of them. Fewer than that: the reason is reported.
pub(super) fn sources(
    entry: &Entry<'_>,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<Vec<SourceConfig>> {
    if entry.record.broken("keys") {
        return None;
    }
    let defaults;
    let keys = match entry.record.record("keys") {
        Some(keys) => keys,
        None => {
            defaults = no_keys(&entry.record.place, problems)?;
            &defaults
        }
    };
    let builder = Builder {
        entry,
        keys,
        options,
    };
    // Each part reports by itself, so that one mistake does not hide another.
    let timing = builder.timing(problems);
    if builder.flag("allow_public_default_key") {
        problems.warning(
            &keys.place("allow_public_default_key"),
            Mistake::new("keys are accepted whose private half the world knows: anyone can sign")
                .hint("for tests only; replace the server's default keystore"),
        );
    }
    let given: Vec<&'static str> = KEY_SOURCES
        .into_iter()
        .filter(|name| keys.given(name))
        .collect();
    let origins = match given.as_slice() {
        [] if misspelt(keys) => {
            builder.fetch(problems);
            return None;
        }
        [] => {
            builder.useless("", problems);
            let fetch = builder.fetch(problems);
            let origins: Vec<Option<Origin>> = entry
                .profile
                .forms
                .iter()
                .map(|form| builder.preset(form, fetch.clone(), problems))
                .collect();
            origins.into_iter().collect::<Option<Vec<_>>>()?
        }
        [name, ..] => {
            builder.useless(name, problems);
            vec![builder.explicit(name, problems)?]
        }
    };
    let safe = origins
        .iter()
        .filter(|origin| builder.check_token(origin, problems));
    if safe.count() < origins.len() {
        return None;
    }
    let timing = timing?;
    let source = |origin: Origin| SourceConfig {
        issuer: entry.name.clone(),
        origin,
        timing,
        policy: builder.policy(),
        required_for_ready: entry.required_for_ready,
        snapshot_dir: None,
    };
    Some(origins.into_iter().map(source).collect())
}

/// An absent `keys:` is one with every default.
fn no_keys(place: &Place, problems: &mut Problems) -> Option<Record> {
    let empty = Node {
        at: place.at,
        value: Value::Mapping(Vec::new()),
    };
    match super::decode::decode(&empty, &Kind::Table(&KEYS), place.clone(), problems)?.data {
        Data::Record(record) => Some(record),
        _ => None,
    }
}

pub(super) struct Builder<'b> {
    pub entry: &'b Entry<'b>,
    pub keys: &'b Record,
    pub options: &'b LoadOptions,
}

impl Builder<'_> {
    fn timing(&self, problems: &mut Problems) -> Option<Timing> {
        let timing = Timing {
            refresh_interval: self.keys.duration("refresh_interval")?,
            refetch_interval: self.keys.duration("refetch_interval")?,
            max_stale: self.keys.duration("max_stale")?,
            retention: match self.keys.given("retention") {
                true => self.keys.duration("retention")?,
                false => self.entry.profile.retention,
            },
        };
        if timing.max_stale < timing.refresh_interval {
            let key = if self.keys.given("max_stale") {
                "max_stale"
            } else {
                "refresh_interval"
            };
            problems.error(
                &self.keys.place(key),
                Mistake::new("`max_stale` is shorter than `refresh_interval`")
                    .hint("keys would be too old to trust before they are asked for again"),
            );
            return None;
        }
        Some(timing)
    }

    pub fn policy(&self) -> KeyPolicy {
        KeyPolicy {
            allow_public_default_key: self.flag("allow_public_default_key"),
            ..self.entry.profile.key_policy.clone()
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.keys.boolean(name).unwrap_or(false)
    }

    /// Settings that the source in use does not look at. Silence would let an operator believe in them.
    fn useless(&self, source: &str, problems: &mut Problems) {
        const FETCH: [&str; 5] = [
            "ca_file",
            "token_file",
            "proxy",
            "allow_http",
            "refetch_interval",
        ];
        const PERIODIC: [&str; 3] = ["refresh_interval", "max_stale", "retention"];
        let mut useless: Vec<&str> = Vec::new();
        let fetched = source.is_empty() || FETCHED.contains(&source);
        let secret = matches!(source, "secret_file" | "secret_env");
        if !fetched {
            useless.extend(FETCH);
        }
        if !fetched && !matches!(source, "jwks_file" | "pem_file") {
            useless.extend(PERIODIC);
        }
        if !matches!(source, "" | "discovery_url") {
            useless.push("same_origin");
        }
        if !matches!(source, "" | "discovery_url") || !self.keys.given("token_file") {
            useless.push("token_origins");
        }
        if !secret {
            useless.push("secret_encoding");
        }
        for name in useless {
            // `false` asks for nothing.
            if self.keys.given(name) && self.keys.boolean(name) != Some(false) {
                let other = match source {
                    _ if name == "token_origins" && !self.keys.given("token_file") => {
                        "no `token_file`".to_owned()
                    }
                    "" => "keys that are fetched".to_owned(),
                    source => format!("`{source}`"),
                };
                problems.warning(
                    &self.keys.place(name),
                    Mistake::new(format!("`{name}` has no effect with {other}"))
                        .hint("take it out"),
                );
            }
        }
    }

    /// The one source that `keys:` names.
    fn explicit(&self, name: &str, problems: &mut Problems) -> Option<Origin> {
        let Some(item) = self.keys.item(name) else {
            if FETCHED.contains(&name) {
                self.fetch(problems);
            }
            return None;
        };
        match name {
            "jwks_url" => {
                let (url, fetch) = (self.url(name, problems), self.fetch(problems));
                Some(Origin::JwksUrl {
                    url: url?,
                    fetch: fetch?,
                })
            }
            "certificates_url" => {
                let (url, fetch) = (self.url(name, problems), self.fetch(problems));
                Some(Origin::CertificatesUrl {
                    url: url?,
                    fetch: fetch?,
                })
            }
            "pem_url" => {
                let (url, fetch) = (self.kid_url(item, problems), self.fetch(problems));
                Some(Origin::KeyPerKid {
                    url: url?,
                    fetch: fetch?,
                })
            }
            "discovery_url" => {
                let (url, fetch) = (self.url(name, problems), self.fetch(problems));
                let issuer = self.discovered_issuer(problems)?;
                Some(Origin::Discovery {
                    url: url?,
                    issuer,
                    fetch: fetch?,
                })
            }
            "jwks_file" => self.file(FileFormat::Jwks, item.text()?, &item.place, problems),
            "pem_file" => self.file(FileFormat::Pem, item.text()?, &item.place, problems),
            "jwks" => self.inline(item, problems),
            _ => self.secret(name, &item.place, problems),
        }
    }

    fn url(&self, name: &str, problems: &mut Problems) -> Option<KeyUrl> {
        let item = self.keys.item(name)?;
        let text = item.text()?;
        match KeyUrl::parse(text, self.flag("allow_http")) {
            Ok(url) => {
                self.warn_of_http(&url, text, &item.place, problems);
                Some(url)
            }
            Err(bad) => {
                problems.error(
                    &item.place,
                    item.redact(Mistake::from_message(&bad.0, ABOUT_URLS)),
                );
                None
            }
        }
    }

    fn kid_url(&self, item: &Item, problems: &mut Problems) -> Option<KidUrl> {
        match KidUrl::parse(item.text()?, self.flag("allow_http")) {
            Ok(url) => {
                let sample = url.sample();
                self.warn_of_http(sample, &sample.to_string(), &item.place, problems);
                Some(url)
            }
            Err(bad) => {
                let mistake = Mistake::from_message(&bad.0, ABOUT_KID_URLS);
                problems.error(&item.place, item.redact(mistake));
                None
            }
        }
    }

    /// `allow_http` was needed: somebody on the way can answer with keys of their own.
    pub fn warn_of_http(&self, url: &KeyUrl, text: &str, place: &Place, problems: &mut Problems) {
        if self.flag("allow_http") && KeyUrl::parse(text, false).is_err() {
            let host = url.uri().host().unwrap_or_default();
            problems.warning(
                place,
                Mistake::new(format!(
                    "keys come over plain http from `{}`: whoever is on the way can forge every token",
                    shown(host)
                ))
                .hint("use https, with `ca_file` for a private certificate"),
            );
        }
    }

    fn fetch(&self, problems: &mut Problems) -> Option<FetchSettings> {
        let tls = match self.keys.item("ca_file") {
            Some(item) if self.options.read_files => {
                let roots = secret::read_file(item.text()?).and_then(|pem| {
                    only_roots(&pem).map_err(|why| {
                        let why =
                            Mistake::from_message(&why, "a file of PEM certificates is needed");
                        Mistake {
                            message: format!("`{}`: {}", item.shown, why.message),
                            hint: why.hint,
                        }
                    })
                });
                match roots {
                    Ok(tls) => tls,
                    Err(mistake) => {
                        problems.error(&item.place, item.redact(mistake));
                        return None;
                    }
                }
            }
            _ => system_roots(),
        };
        let token_file = self.token_file(problems)?;
        if self.keys.has_broken() {
            return None;
        }
        Some(FetchSettings {
            tls,
            proxy: match self.keys.text("proxy") {
                Some(text) => Some(proxy(text).ok()?),
                None => None,
            },
            allow_http: self.flag("allow_http"),
            same_origin: self.flag("same_origin"),
            token_file,
        })
    }
}

/// `http://host:port` of a forward proxy.
pub(super) fn proxy(text: &str) -> Result<http::Uri, Mistake> {
    let mistake = || {
        Mistake::new(format!("`{}` is not a proxy", shown(text)))
            .hint("write `http://host:port`, as in `http://egress:3128`")
    };
    if text.contains('@') {
        return Err(Mistake::new(
            "a proxy with a user or password is not supported by this version",
        )
        .hint("write `http://host:port`"));
    }
    let uri: http::Uri = text.parse().map_err(|_| mistake())?;
    let good = uri.scheme_str() == Some("http")
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.port_u16().is_some_and(|port| port > 0)
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !text.contains('#');
    good.then_some(uri).ok_or_else(mistake)
}
