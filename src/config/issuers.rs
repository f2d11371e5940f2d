//! `issuers:`, whose tokens are accepted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::bindings;
use super::decryption;
use super::keys::{self, Entry};
use super::problem::{Mistake, Place, Problems};
use super::profile::{self, Judged};
use super::record::{Data, Item, Record};
use super::{IssuerSetup, LoadOptions};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::Json;
use crate::provider::Profile;

/// The entries that are right; what is wrong with the others is in `problems`.
pub(super) fn issuers(
    root: &Record,
    unverified_email: bool,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Vec<IssuerSetup> {
    let mut names: HashMap<Arc<str>, Place> = HashMap::new();
    let mut patterns: HashMap<String, Place> = HashMap::new();
    let mut setups = Vec::new();
    for record in root.items("issuers").iter().filter_map(Item::record) {
        // Without a provider there is no entry, but its other keys can be wrong too.
        let name: Option<Arc<str>> = record.text("name").or(record.variant).map(Arc::from);
        if let Some(name) = &name {
            unique_name(record, name, &mut names, problems);
        }
        let settings = Settings {
            record,
            name: name.unwrap_or_default(),
            unverified_email,
            options,
        };
        if let Some(setup) = settings.build(&mut patterns, problems) {
            setups.push(setup);
        }
    }
    setups
}

fn unique_name(
    record: &Record,
    name: &Arc<str>,
    names: &mut HashMap<Arc<str>, Place>,
    problems: &mut Problems,
) {
    if record.broken("name") {
        return;
    }
    let place = record.place("name");
    if let Some(other) = names.get(name) {
        problems.error(
            &place,
            Mistake::new(format!("two issuers are named `{name}`")).hint(format!(
                "the other one is on line {}; give each a `name` of its own",
                other.at.line
            )),
        );
    } else {
        names.insert(name.clone(), place);
    }
}

struct Settings<'s> {
    record: &'s Record,
    name: Arc<str>,
    unverified_email: bool,
    options: &'s LoadOptions,
}

impl Settings<'_> {
    fn build(
        self,
        patterns: &mut HashMap<String, Place>,
        problems: &mut Problems,
    ) -> Option<IssuerSetup> {
        // Each part reports by itself, so that one mistake does not hide another.
        let required_claims = self.required_claims(problems);
        let bindings = bindings::bindings(self.record, problems);
        let leeway = self.whole_seconds("leeway", problems);
        let max_age = self.whole_seconds("max_age", problems);
        self.warn_of_any_tenant(problems);
        let decryption = decryption::setup(self.record, &self.name, self.options, problems);
        let Judged {
            profile,
            right,
            issuer_is_right,
        } = profile::judge(self.record, problems);
        if issuer_is_right && self.record.variant.is_some() {
            self.unique_issuer(&profile, patterns, problems);
        }
        let audiences = match &profile.audiences {
            Some(audiences) => Some(Some(audiences.clone())),
            None => self.audiences(&profile, problems),
        };
        let algorithms = self.algorithms(&profile, problems);
        let entry = Entry {
            record: self.record,
            name: self.name.clone(),
            profile: &profile,
            issuer_is_right,
            algorithms,
            required_for_ready: self.record.boolean("required_for_ready").unwrap_or(true),
        };
        let sources = keys::sources(&entry, self.options, problems)?;
        if !right || self.record.variant.is_none() {
            return None;
        }
        Some(IssuerSetup {
            line: self.record.place.at.line,
            column: self.record.place.at.column,
            sources,
            algorithms: algorithms?,
            token_types: self.token_types(&profile),
            audiences: audiences?,
            leeway: leeway?,
            max_age: match self.record.given("max_age") {
                true => Some(max_age?),
                false => None,
            },
            required_claims: required_claims?,
            unverified_email: self.unverified_email,
            decryption: decryption?,
            bindings: bindings?,
            name: self.name,
            profile,
        })
    }

    /// The outer `None`: a mistake. The inner one: `any_audience`, or another setting that is enough.
    fn audiences(&self, profile: &Profile, problems: &mut Problems) -> Option<Option<Vec<String>>> {
        self.record.variant?;
        if self.record.broken("audiences") {
            return None;
        }
        let any = self.record.boolean("any_audience")?;
        match (self.record.given("audiences"), any) {
            (true, false) => Some(Some(self.record.texts("audiences"))),
            (false, true) => {
                problems.warning(
                    &self.record.place("any_audience"),
                    Mistake::new("a token that was made for any other application of this issuer is accepted")
                        .hint("list `audiences` as soon as the issuer can set them"),
                );
                Some(None)
            }
            (true, true) => {
                problems.error(
                    &self.record.place("any_audience"),
                    Mistake::new("`audiences` and `any_audience: true` contradict each other")
                        .hint("keep one of them"),
                );
                None
            }
            (false, false) if profile.bound_by.is_some() => Some(None),
            (false, false) => {
                problems.error(
                    &self.record.place.key("audiences", self.record.place.at),
                    Mistake::new("`audiences` is missing").hint(
                        "list the `aud` values of tokens that are for this application (a client id, an API's identifier); \
                         without them a token made for another application would do",
                    ),
                );
                None
            }
        }
    }

    /// The times in tokens are compared in seconds (RFC 7519 §2, NumericDate); a fraction would be cut off in silence.
    fn whole_seconds(&self, name: &str, problems: &mut Problems) -> Option<Duration> {
        let value = self.record.duration(name)?;
        if value.subsec_nanos() != 0 {
            problems.error(
                &self.record.place(name),
                Mistake::new(format!("`{name}` is counted in whole seconds"))
                    .hint(format!("write `{}s`", value.as_secs() + 1)),
            );
            return None;
        }
        Some(value)
    }

    fn warn_of_any_tenant(&self, problems: &mut Problems) {
        if self.record.boolean("any_tenant") == Some(true) {
            problems.warning(
                &self.record.place("any_tenant"),
                Mistake::new("every Microsoft tenant in the world is accepted")
                    .hint("list `allowed_tenants`, or check the tenant in the application"),
            );
        }
    }

    /// A token's `iss` decides the entry: two entries with one issuer would leave it to their order.
    fn unique_issuer(
        &self,
        profile: &Profile,
        patterns: &mut HashMap<String, Place>,
        problems: &mut Problems,
    ) {
        for form in &profile.forms {
            let issuer = form.pattern.text();
            if let Some(other) = patterns.get(&issuer) {
                problems.error(
                    &self.record.place,
                    Mistake::new(format!(
                        "two entries accept the issuer `{}`",
                        super::problem::shown(&issuer)
                    ))
                    .hint(format!(
                        "the other one is on line {}; put all `audiences` into one entry",
                        other.at.line
                    )),
                );
                return;
            }
        }
        for form in &profile.forms {
            patterns.insert(form.pattern.text(), self.record.place.clone());
        }
    }

    fn algorithms(&self, profile: &Profile, problems: &mut Problems) -> Option<AlgorithmSet> {
        // What kind of key it is must be known to say which algorithms go with it.
        let secret = keys::is_secret(self.record)?;
        if self.record.broken("algorithms") {
            return None;
        }
        if !self.record.given("algorithms") {
            return Some(match secret {
                true => AlgorithmSet::of(&[Algorithm::Hs256]),
                false => profile.algorithms,
            });
        }
        let mut algorithms = Vec::new();
        let mut good = true;
        for item in self.record.items("algorithms") {
            let Some(algorithm) = item.text().and_then(Algorithm::from_name) else {
                continue;
            };
            if algorithm.is_symmetric() == secret {
                algorithms.push(algorithm);
                continue;
            }
            good = false;
            let name = algorithm.name();
            problems.error(
                &item.place,
                match secret {
                    true => Mistake::new(format!("`{name}` needs a public key, and the key here is a secret"))
                        .hint("with `secret_file` or `secret_env`: HS256, HS384, HS512"),
                    false => Mistake::new(format!("`{name}` needs a shared secret, and there is none here"))
                        .hint("add `keys: {secret_file: ...}`; or take it out: with public keys it would let anyone sign"),
                },
            );
        }
        (good && !algorithms.is_empty()).then(|| AlgorithmSet::of(&algorithms))
    }

    /// As `verify` compares them: lower case, without `application/` (RFC 7515 §4.1.9).
    fn token_types(&self, profile: &Profile) -> Vec<String> {
        let given = self.record.texts("token_types");
        let types: Vec<String> = match self.record.given("token_types") {
            true => given,
            false => profile
                .token_types
                .iter()
                .map(|t| (*t).to_owned())
                .collect(),
        };
        types
            .into_iter()
            .map(|name| {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("application/") {
                    Some(name) => name.to_owned(),
                    None => name,
                }
            })
            .collect()
    }

    fn required_claims(&self, problems: &mut Problems) -> Option<Vec<(String, Vec<Json>)>> {
        if self.record.broken("required_claims") {
            return None;
        }
        let Some(item) = self.record.item("required_claims") else {
            return Some(Vec::new());
        };
        let mut claims = Vec::new();
        for (name, value) in item.entries() {
            let Data::Json(json) = &value.data else {
                continue;
            };
            let values = match json {
                Json::Array(values) if values.is_empty() => {
                    problems.error(
                        &value.place,
                        Mistake::new("no value is listed, so no token could pass")
                            .hint("list the values of which the claim must be one"),
                    );
                    continue;
                }
                Json::Array(values) => values.to_vec(),
                value => vec![value.clone()],
            };
            claims.push((name.text()?.to_owned(), values));
        }
        Some(claims)
    }
}
