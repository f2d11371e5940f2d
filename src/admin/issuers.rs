//! `/issuers`: what the gate knows of each issuer's keys, for the person who asks why a token is refused.

use serde_json::{Value, json};

use crate::keys::decryption::DecryptionStatus;
use crate::keys::status::{KeysFrom, SourceStatus};

/// `{"issuers": [{"name", "keys": [{"kid", "alg", "source", "retained_seconds"}], "skipped": [{"kid", "reason", "explanation", "source"}],
/// "keys_from", "age_seconds", "trusted_for_seconds", "last_error", "consecutive_failures", "next_refresh_seconds", "sources": [...],
/// "decryption": {"origin", "keys", "skipped", "last_error"}}]}`. Of several sources, an issuer's age is the oldest, its trust the shortest,
/// its failures the most, its next refresh the soonest; its keys are from a snapshot when one of them has them from there. No key material.
/// docs/keys.md says what each member means.
pub(super) fn document(sources: &[SourceStatus], decryption: &[DecryptionStatus]) -> String {
    let mut issuers: Vec<(&str, Vec<&SourceStatus>)> = Vec::new();
    for source in sources {
        match issuers
            .iter_mut()
            .find(|(name, _)| *name == &*source.issuer)
        {
            Some((_, of_issuer)) => of_issuer.push(source),
            None => issuers.push((&source.issuer, vec![source])),
        }
    }
    let issuers: Vec<Value> = issuers
        .iter()
        .map(|(name, sources)| {
            let private = decryption.iter().find(|private| *private.issuer == **name);
            issuer(name, sources, private)
        })
        .collect();
    let mut text = format!("{:#}", json!({ "issuers": issuers }));
    text.push('\n');
    text
}

fn issuer(name: &str, sources: &[&SourceStatus], private: Option<&DecryptionStatus>) -> Value {
    let ages: Option<Vec<u64>> = sources
        .iter()
        .map(|source| source.age.map(|age| age.as_secs()))
        .collect();
    json!({
        "name": name,
        "keys": sources.iter().flat_map(|source| keys(source)).collect::<Vec<_>>(),
        "skipped": sources.iter().flat_map(|source| skipped(source)).collect::<Vec<_>>(),
        "keys_from": keys_from(sources).map(KeysFrom::name),
        "age_seconds": ages.and_then(|ages| ages.into_iter().max()),
        "trusted_for_seconds": sources.iter().filter_map(|source| source.trusted_for).min().map(|left| left.as_secs()),
        "last_error": sources.iter().find_map(|source| source.last_error.as_deref()),
        "consecutive_failures": sources.iter().map(|source| source.failures).max(),
        "next_refresh_seconds": sources.iter().filter_map(|source| source.next_refresh).min().map(|next| next.as_secs()),
        "sources": sources.iter().map(|source| self::source(source)).collect::<Vec<_>>(),
        "decryption": private.map(decryption),
    })
}

fn decryption(private: &DecryptionStatus) -> Value {
    let keys = private.keys.iter();
    let skipped = private.skipped.iter();
    json!({
        "origin": private.origin,
        "keys": keys.map(|(kid, alg)| json!({"kid": kid, "alg": alg})).collect::<Vec<_>>(),
        "skipped": skipped
            .map(|key| json!({"kid": key.kid, "explanation": key.reason.explanation()}))
            .collect::<Vec<_>>(),
        "last_error": private.last_error,
    })
}

/// The snapshot, if one of them is on it: that is what the reader must know.
fn keys_from(sources: &[&SourceStatus]) -> Option<KeysFrom> {
    let from = || sources.iter().filter_map(|source| source.keys_from);
    from()
        .find(|from| *from == KeysFrom::Snapshot)
        .or_else(|| from().next())
}

fn keys(source: &SourceStatus) -> impl Iterator<Item = Value> {
    source.keys.iter().map(|key| {
        json!({
            "kid": key.kid,
            "alg": key.algorithms,
            "source": source.origin,
            "retained_seconds": key.retained.map(|left| left.as_secs()),
        })
    })
}

fn skipped(source: &SourceStatus) -> impl Iterator<Item = Value> {
    source.skipped.iter().map(|key| {
        json!({
            "kid": key.kid,
            "reason": key.reason.name(),
            "explanation": key.reason.explanation(),
            "source": source.origin,
        })
    })
}

fn source(source: &SourceStatus) -> Value {
    json!({
        "kind": source.kind,
        "origin": source.origin,
        "required_for_ready": source.required_for_ready,
        "keys": source.keys.len(),
        "skipped": source.skipped.len(),
        "keys_from": source.keys_from.map(KeysFrom::name),
        "age_seconds": source.age.map(|age| age.as_secs()),
        "max_stale_seconds": source.max_stale.map(|max_stale| max_stale.as_secs()),
        "trusted_for_seconds": source.trusted_for.map(|left| left.as_secs()),
        "last_error": source.last_error,
        "consecutive_failures": source.failures,
        "next_refresh_seconds": source.next_refresh.map(|next| next.as_secs()),
        "snapshot": source.snapshot.as_ref().map(|snapshot| json!({
            "file": snapshot.file,
            "age_seconds": snapshot.age.map(|age| age.as_secs()),
            "last_error": snapshot.last_error,
        })),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::jose::jwk::{SkipReason, SkippedKey};
    use crate::keys::status::{KeyStatus, SnapshotStatus};

    fn status(issuer: &str, age: Option<u64>) -> SourceStatus {
        SourceStatus {
            issuer: Arc::from(issuer),
            kind: "jwks_url",
            origin: format!("https://{issuer}.example/keys"),
            required_for_ready: true,
            keys: vec![KeyStatus {
                kid: Some("k1".into()),
                algorithms: vec!["RS256"],
                retained: None,
            }],
            keys_from: age.map(|_| KeysFrom::Fetched),
            age: age.map(Duration::from_secs),
            trusted_for: age.map(|age| Duration::from_secs(1000 - age)),
            next_refresh: Some(Duration::from_secs(240)),
            ..SourceStatus::default()
        }
    }

    #[test]
    fn sources_of_one_issuer_stand_together() {
        let sources = [
            status("staff", Some(7)),
            status("bank", Some(1)),
            status("staff", Some(60)),
        ];
        let document: Value = serde_json::from_str(&document(&sources, &[])).unwrap();
        let issuers = document["issuers"].as_array().unwrap();
        assert_eq!(issuers.len(), 2);
        assert_eq!(issuers[0]["name"], "staff");
        assert_eq!(issuers[0]["age_seconds"], 60);
        assert_eq!(issuers[0]["keys"].as_array().unwrap().len(), 2);
        assert_eq!(issuers[0]["sources"].as_array().unwrap().len(), 2);
        assert_eq!(issuers[0]["sources"][0]["kind"], "jwks_url");
        assert_eq!(issuers[0]["keys"][0]["kid"], "k1");
        assert_eq!(issuers[0]["keys"][0]["alg"][0], "RS256");
        assert_eq!(issuers[0]["next_refresh_seconds"], 240);
    }

    #[test]
    fn k12_where_keys_are_from_and_how_long_they_are_trusted_is_told() {
        let mut away = status("staff", Some(60));
        away.keys_from = Some(KeysFrom::Snapshot);
        away.failures = 3;
        away.last_error = Some("refused".to_owned());
        away.snapshot = Some(SnapshotStatus {
            file: "/var/lib/claimgate/keys-1.snapshot".to_owned(),
            age: Some(Duration::from_secs(61)),
            last_error: Some("no space left on device".to_owned()),
        });
        let sources = [status("staff", Some(7)), away, status("bank", None)];
        let document: Value = serde_json::from_str(&document(&sources, &[])).unwrap();
        let issuer = &document["issuers"][0];
        assert_eq!(issuer["keys_from"], "snapshot");
        assert_eq!(issuer["trusted_for_seconds"], 940);
        assert_eq!(issuer["consecutive_failures"], 3);
        assert_eq!(issuer["sources"][0]["keys_from"], "fetched");
        assert_eq!(issuer["sources"][0]["trusted_for_seconds"], 993);
        assert!(issuer["sources"][0]["snapshot"].is_null());
        assert_eq!(
            issuer["sources"][1]["snapshot"],
            json!({"file": "/var/lib/claimgate/keys-1.snapshot", "age_seconds": 61, "last_error": "no space left on device"})
        );
        let bank = &document["issuers"][1];
        assert!(bank["keys_from"].is_null() && bank["trusted_for_seconds"].is_null());
        assert_eq!(bank["consecutive_failures"], 0);
    }

    #[test]
    fn an_issuer_with_a_source_that_was_never_fetched_has_no_age() {
        let sources = [status("staff", Some(7)), status("staff", None)];
        let document: Value = serde_json::from_str(&document(&sources, &[])).unwrap();
        assert!(document["issuers"][0]["age_seconds"].is_null());
    }

    #[test]
    fn a_skipped_key_says_why() {
        let mut source = status("staff", None);
        source.skipped = vec![SkippedKey {
            kid: Some("weak".into()),
            reason: SkipReason::WeakKey,
        }];
        let document: Value = serde_json::from_str(&document(&[source], &[])).unwrap();
        let skipped = &document["issuers"][0]["skipped"][0];
        assert_eq!(skipped["kid"], "weak");
        assert_eq!(skipped["reason"], SkipReason::WeakKey.name());
        assert_eq!(skipped["explanation"], SkipReason::WeakKey.explanation());
    }

    #[test]
    fn decryption_keys_are_shown_by_name_only() {
        let private = DecryptionStatus {
            issuer: Arc::from("a"),
            origin: "/run/secrets/decrypt.jwks".to_owned(),
            keys: vec![(Some("d1".into()), vec!["RSA-OAEP-256"])],
            skipped: vec![],
            last_error: None,
            generation: 1,
        };
        let sources = [status("a", None), status("b", None)];
        let document: Value = serde_json::from_str(&document(&sources, &[private])).unwrap();
        let shown = &document["issuers"][0]["decryption"];
        assert_eq!(
            shown["keys"],
            json!([{"kid": "d1", "alg": ["RSA-OAEP-256"]}])
        );
        assert_eq!(shown["origin"], "/run/secrets/decrypt.jwks");
        assert_eq!(document["issuers"][1]["decryption"], Value::Null);
    }
}
