//! `issuers[].decryption`: the private keys for an issuer's encrypted tokens. They are read at once, to find mistakes and to begin with; none of
//! them is ever shown.

use std::sync::Arc;

use super::problem::{Mistake, Problems, names_a_place};
use super::record::{Item, Record};
use super::substitute::Lookup;
use super::{DecryptionSetup, LoadOptions, secret};
use crate::jose::jwe::jwk::ReadDecryptionKeys;
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::keys::decryption::{self, DecryptionConfig};
use crate::verify::Decryption;
use crate::verify::decryption::MAX_PRIVATE_KEY_OPERATIONS;

const ABOUT_KEYS: &str = "it must be a JWK set with private keys (`{\"keys\": [...]}`), or PEM with `PRIVATE KEY`; \
    `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048` makes one";

/// The outer `None`: a mistake, which is reported. The inner one: the entry has no `decryption`.
pub(super) fn setup(
    issuer: &Record,
    name: &Arc<str>,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<Option<DecryptionSetup>> {
    if issuer.broken("decryption") {
        return None;
    }
    let Some(record) = issuer.record("decryption") else {
        return Some(None);
    };
    // Each part reports by itself, so that one mistake does not hide another.
    let read = keys(record, options, problems);
    let algorithms = listed(
        record,
        "algorithms",
        &Decryption::DEFAULT_ALGORITHMS,
        KeyManagement::from_name,
    )?;
    let encryptions = listed(
        record,
        "encryptions",
        &Decryption::DEFAULT_ENCRYPTIONS,
        Encryption::from_name,
    )?;
    let read = read?;
    if options.read_files {
        check_fit(record, &read, &algorithms, problems)?;
    }
    Some(Some(DecryptionSetup {
        config: DecryptionConfig {
            issuer: Arc::clone(name),
            file: record.text("keys_file").map(Into::into),
            read,
        },
        algorithms,
        encryptions,
        required: record.boolean("required")?,
    }))
}

fn listed<T: Copy>(
    record: &Record,
    key: &str,
    default: &[T],
    from_name: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    if record.broken(key) {
        return None;
    }
    if !record.given(key) {
        return Some(default.to_vec());
    }
    let texts = record.texts(key);
    Some(texts.iter().filter_map(|text| from_name(text)).collect())
}

/// At least one key that can be used.
fn keys(
    record: &Record,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<ReadDecryptionKeys> {
    let item = record
        .item("keys_file")
        .or_else(|| record.item("keys_env"))?;
    if !options.read_files {
        return Some(ReadDecryptionKeys::default());
    }
    let text = match record.given("keys_file") {
        true => secret::read_file(item.text()?).map_err(|mistake| item.redact(mistake)),
        false => variable(item, options),
    };
    let read = text.and_then(|text| {
        let read = decryption::parse(&text).map_err(|why| {
            Mistake::new(format!("there are no private keys in it: {why}")).hint(ABOUT_KEYS)
        })?;
        match read.keys.is_empty() {
            true => Err(Mistake::new("none of the keys can decrypt").hint(reasons(&read))),
            false => Ok(read),
        }
    });
    match read {
        Ok(read) => {
            warn(item, &read, problems);
            Some(read)
        }
        Err(mistake) => {
            problems.error(&item.place, mistake);
            None
        }
    }
}

fn variable(item: &Item, options: &LoadOptions) -> Result<Vec<u8>, Mistake> {
    let name = item.text().unwrap_or_default();
    // An operator may have written the key itself in place of its name.
    let named = match names_a_place(name) {
        true => format!("`{name}`"),
        false => "that is named here".to_owned(),
    };
    match secret::variable(options.environment.as_ref(), name) {
        Lookup::Value(value) => Ok(value.into_bytes()),
        Lookup::Unset => Err(
            Mistake::new(format!("the environment variable {named} is not set"))
                .hint("`--no-files` leaves secrets unread"),
        ),
        Lookup::NotText => Err(Mistake::new(format!(
            "the environment variable {named} is not UTF-8"
        ))
        .hint(ABOUT_KEYS)),
    }
}

fn warn(item: &Item, read: &ReadDecryptionKeys, problems: &mut Problems) {
    if !read.skipped.is_empty() {
        problems.warning(
            &item.place,
            Mistake::new(format!("{} of the keys are not used", read.skipped.len()))
                .hint(reasons(read)),
        );
    }
    if read.keys.iter().any(|key| key.is_public_default) {
        problems.warning(
            &item.place,
            Mistake::new(
                "a key is one that every copy of a product ships with: anyone can read tokens that are encrypted to it",
            )
            .hint("make a key of your own; who sent a token is still proven by its signature"),
        );
    }
}

fn reasons(read: &ReadDecryptionKeys) -> String {
    decryption::reasons(&read.skipped)
}

/// A key for the algorithms: at least one at all, and one for each that was listed by hand.
fn check_fit(
    record: &Record,
    read: &ReadDecryptionKeys,
    algorithms: &[KeyManagement],
    problems: &mut Problems,
) -> Option<()> {
    let fitting = |algorithm: KeyManagement| {
        let keys = read.keys.iter();
        keys.filter(|key| key.algorithms().any(|a| a == algorithm))
            .count()
    };
    if algorithms.iter().all(|algorithm| fitting(*algorithm) == 0) {
        let allowed: Vec<_> = algorithms.iter().map(|a| a.name()).collect();
        problems.error(
            &record.place,
            Mistake::new("none of the keys fits the `algorithms` of this `decryption`").hint(
                format!(
                    "`algorithms` allows {}; those of shared secrets must be listed",
                    allowed.join(", ")
                ),
            ),
        );
        return None;
    }
    for item in record.items("algorithms") {
        let algorithm = item.text().and_then(KeyManagement::from_name);
        if record.given("algorithms") && algorithm.is_some_and(|a| fitting(a) == 0) {
            problems.warning(
                &item.place,
                Mistake::new(format!("no key opens tokens with `{}`", item.shown))
                    .hint("take it out, or add a key for it"),
            );
        }
    }
    let most = algorithms.iter().map(|a| fitting(*a)).max();
    if most.is_some_and(|most| most > MAX_PRIVATE_KEY_OPERATIONS) {
        problems.warning(
            &record.place,
            Mistake::new(format!(
                "of the keys for one algorithm only {MAX_PRIVATE_KEY_OPERATIONS} are tried for a token that does not name one by `kid`"
            ))
            .hint("take out keys that nobody encrypts to any more"),
        );
    }
    Some(())
}
