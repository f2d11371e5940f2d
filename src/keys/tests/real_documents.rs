//! Documents that real issuers published.

use std::path::PathBuf;

use crate::jose::json::{self, Json};
use crate::keys::read::jwks_uri;
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
