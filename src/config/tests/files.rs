//! Which files are part of a configuration.

use super::*;

const EVERY: &str = r#"
upstream: http://127.0.0.1:3000
issuers:
  - {name: a, provider: oidc, issuer: 'https://a.example', audiences: [x], keys: {ca_file: /run/ca.pem, token_file: /run/token}}
  - {name: b, provider: oidc, issuer: 'https://b.example', audiences: [x], algorithms: [HS256], keys: {secret_file: "${DIR}/secret"}}
  - {name: c, provider: oidc, issuer: 'https://c.example', audiences: [x], keys: {jwks_file: /run/keys.json}, decryption: {keys_file: /run/private.jwks}}
"#;

#[test]
fn files_that_are_read_with_the_configuration_and_by_nobody_else_are_found() {
    let options = LoadOptions {
        environment: Some(HashMap::from([("DIR".to_owned(), "/mnt".to_owned())])),
        ..LoadOptions::default()
    };
    let named = |text: &str| crate::config::files_named_in(text, &options);
    let found = ["/run/ca.pem", "/mnt/secret"].map(PathBuf::from);
    assert_eq!(named(EVERY), found);
    // A mistake elsewhere hides none of them: the file that is wrong may be one of these.
    assert_eq!(named(&format!("{EVERY}lisen: 1\n")), found);
    assert!(named("issuers: [").is_empty());
    assert!(named("").is_empty());
}
