//! Keys that are there when the file is read: inline, in files, secrets. They are checked at once; none of them is ever shown.

use super::keys::Builder;
use super::problem::{Mistake, Place, Problems, names_a_place, shown};
use super::record::{Data, Item};
use super::secret;
use super::substitute::Lookup;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::jwk::{self, ReadKeys};
use crate::jose::key::VerificationKey;
use crate::jose::pem;
use crate::keys::source::{FileFormat, Origin};

const ABOUT_KEYS: &str =
    "a JWK set is `{\"keys\": [...]}`; a PEM file has public keys or certificates";

impl Builder<'_> {
    /// A document in the configuration itself: public keys only, so that it may be read by whoever reads the file.
    pub fn inline(&self, item: &Item, problems: &mut Problems) -> Option<Origin> {
        let document = match &item.data {
            Data::Json(json) => json.to_ascii(),
            _ => item.text()?.to_owned(),
        };
        let read = jwk::read_set(document.as_bytes(), &self.policy()).map_err(|bad| bad.0);
        Some(Origin::Fixed {
            keys: self.public_keys(read, &item.place, problems)?,
            any_kid: false,
        })
    }

    /// Read now to find mistakes; `keys` reads it again whenever it may have changed.
    pub fn file(
        &self,
        format: FileFormat,
        path: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Origin> {
        if self.options.read_files {
            let bytes = match secret::read_file(path) {
                Ok(bytes) => bytes,
                Err(mistake) => {
                    problems.error(place, mistake);
                    return None;
                }
            };
            let read = match format {
                FileFormat::Jwks => jwk::read_set(&bytes, &self.policy()).map_err(|bad| bad.0),
                FileFormat::Pem => pem::read(&bytes, &self.policy()).map_err(|bad| bad.0),
            };
            self.public_keys(read, place, problems)?;
        }
        Some(Origin::File {
            path: path.into(),
            format,
        })
    }

    /// At least one key that can be used, and that fits the entry's algorithms.
    fn public_keys(
        &self,
        read: Result<ReadKeys, String>,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<ReadKeys> {
        let read = match read {
            Ok(read) => read,
            Err(why) => {
                problems.error(place, Mistake::from_message(&why, ABOUT_KEYS));
                return None;
            }
        };
        let skipped: Vec<String> = read
            .skipped
            .iter()
            .map(|key| {
                let kid = key.kid.as_deref().unwrap_or("without `kid`");
                format!("{}: {}", shown(kid), key.reason.explanation())
            })
            .collect();
        if read.keys.is_empty() {
            problems.error(
                place,
                Mistake::new("none of the keys can be used").hint(skipped.join("; ")),
            );
            return None;
        }
        let algorithms = self.entry.algorithms?;
        let fits = read
            .keys
            .iter()
            .any(|key| !key.algorithms.intersection(algorithms).is_empty());
        if !fits {
            let allowed: Vec<_> = algorithms.iter().map(|a| a.name()).collect();
            problems.error(
                place,
                Mistake::new("none of the keys fits the algorithms of this issuer")
                    .hint(format!("`algorithms` allows {}", allowed.join(", "))),
            );
            return None;
        }
        if !skipped.is_empty() {
            problems.warning(
                place,
                Mistake::new(format!("{} of the keys are not used", skipped.len()))
                    .hint(skipped.join("; ")),
            );
        }
        Some(read)
    }

    pub fn secret(&self, name: &str, place: &Place, problems: &mut Problems) -> Option<Origin> {
        let fixed = |keys| {
            Some(Origin::Fixed {
                keys,
                any_kid: true,
            })
        };
        if !self.options.read_files {
            return fixed(ReadKeys::default());
        }
        let text = self.keys.text(name)?;
        // An operator may have written the secret itself in place of its name.
        let named = match names_a_place(text) {
            true => format!("`{text}`"),
            false => "that is named here".to_owned(),
        };
        let bytes = match name {
            "secret_file" => secret::read_file(text)
                .map_err(|mistake| match names_a_place(text) {
                    true => mistake,
                    false => Mistake::new("the secret's file cannot be read")
                        .hint("name the file by its whole path; never write the secret itself"),
                })
                .map(secret::without_final_newline),
            _ => match secret::variable(self.options.environment.as_ref(), text) {
                Lookup::Value(value) => Ok(value.into_bytes()),
                Lookup::Unset => Err(Mistake::new(format!(
                    "the environment variable {named} is not set"
                ))
                .hint("`--no-files` leaves secrets unread")),
                Lookup::NotText => Err(Mistake::new(format!(
                    "the environment variable {named} is not UTF-8"
                ))
                .hint("use `secret_encoding: base64url`, or `secret_file`")),
            },
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(mistake) => {
                problems.error(place, mistake);
                return None;
            }
        };
        let encoding = self.keys.text("secret_encoding")?;
        // Every algorithm of a secret needs at least what the shortest of them needs.
        let algorithms = self.entry.algorithms;
        let algorithms = algorithms.unwrap_or(AlgorithmSet::of(&[Algorithm::Hs256]));
        let key =
            secret::decode(bytes, encoding).and_then(|secret| shared_secret(&secret, algorithms));
        match key {
            Ok(key) => fixed(ReadKeys {
                keys: vec![key],
                skipped: Vec::new(),
            }),
            Err(mistake) => {
                problems.error(place, mistake);
                None
            }
        }
    }
}

/// A key for every algorithm of `wanted` (RFC 7518 §3.2: at least as long as the hash).
fn shared_secret(secret: &[u8], wanted: AlgorithmSet) -> Result<VerificationKey, Mistake> {
    let too_short = |algorithm: &str, needed: usize| {
        Mistake::new(format!(
            "the secret is too short for `{algorithm}`: {needed} bytes are needed, {} were found",
            secret.len()
        ))
        .hint(
            "make one with `openssl rand -base64 64`; a short secret can be guessed from one token",
        )
    };
    // Each algorithm by itself: a key that quietly does without one of them would refuse good tokens.
    for algorithm in wanted.iter() {
        VerificationKey::from_secret(secret, AlgorithmSet::of(&[algorithm]))
            .map_err(|short| too_short(short.algorithm.name(), short.needed_bytes))?;
    }
    VerificationKey::from_secret(secret, wanted)
        .map_err(|short| too_short(short.algorithm.name(), short.needed_bytes))
}
