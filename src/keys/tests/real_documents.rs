//! Documents that real issuers published.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::jose::json::{self, Json};
use crate::jose::jwk::{KeyPolicy, read_set};
use crate::keys::merge::merge;
use crate::keys::read::jwks_uri;
use crate::keys::set::KeySet;
use crate::keys::testing::settings;
use crate::keys::url::KeyUrl;

/// The folder of real documents; none, said loudly, when it is not there.
fn wellknown() -> Option<PathBuf> {
    Some(crate::public_vectors::folder()?.join("wellknown"))
}

#[test]
fn each_real_discovery_document_leads_to_its_keys() {
    let Some(folder) = wellknown() else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path
            .to_string_lossy()
            .ends_with(".openid-configuration.json")
        {
            continue;
        }
        let document = std::fs::read(&path).unwrap();
        let members = json::parse_object(&document).unwrap();
        let text = |name| members.get(name).and_then(Json::as_str).unwrap();
        let url =
            KeyUrl::parse("https://id.example/.well-known/openid-configuration", false).unwrap();
        let place = jwks_uri(&document, &url, text("issuer"), &settings()).unwrap();
        assert_eq!(place.to_string(), text("jwks_uri"));
        assert!(
            jwks_uri(
                &document,
                &url,
                &format!("{}/", text("issuer")),
                &settings()
            )
            .is_err()
        );
        seen += 1;
    }
    assert!(seen >= 9, "{seen}");
}

/// Entra's documents flap: keys vanish and come back for hours. Each fetch sees what was published then.
#[test]
fn k07_no_key_of_entra_that_comes_back_within_its_retention_is_ever_missing() {
    let Some(folder) = wellknown() else { return };
    let replay = std::fs::read(folder.join("rotation-entra-organizations.json")).unwrap();
    let replay: serde_json::Value = serde_json::from_slice(&replay).unwrap();
    let retention = Duration::from_secs(24 * 3600);
    let mut set = KeySet::fixed(Vec::new(), false);
    let mut last_seen: BTreeMap<String, Duration> = BTreeMap::new();
    let (mut came_back, mut first) = (0, None);
    for version in replay["versions"].as_array().unwrap() {
        let date: jiff::Timestamp = version["date"].as_str().unwrap().parse().unwrap();
        let first = *first.get_or_insert(date.as_second());
        let now = Duration::from_secs(u64::try_from(date.as_second() - first).unwrap());
        let read = read_set(
            version["jwks"].to_string().as_bytes(),
            &KeyPolicy::default(),
        )
        .unwrap();
        let kids: Vec<String> = read
            .keys
            .iter()
            .map(|key| key.kid.as_deref().unwrap().to_owned())
            .collect();
        let held = |set: &KeySet, kid: &str| {
            let mut good = set.keys().iter().filter(|held| held.is_good(now));
            good.any(|held| held.key.kid.as_deref() == Some(kid))
        };
        // Before this fetch: what was seen within the retention is still held.
        for (kid, at) in &last_seen {
            if now < *at + retention {
                assert!(held(&set, kid), "{kid} at {date}");
            }
        }
        let absent = |kid: &String| {
            let current = set.keys().iter().filter(|held| held.good_until.is_none());
            last_seen.contains_key(kid)
                && !current
                    .into_iter()
                    .any(|held| held.key.kid.as_deref() == Some(kid))
        };
        came_back += kids.iter().filter(|kid| absent(kid)).count();
        if let Some(next) = merge(&set, read.keys, now, retention) {
            set = next;
        }
        for kid in &kids {
            assert!(held(&set, kid));
            last_seen.insert(kid.clone(), now);
        }
    }
    assert!(
        came_back > 10,
        "{came_back} keys came back: the replay does not test what it is for"
    );
}
