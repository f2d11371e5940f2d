//! Issuers of every provider with real keys, put together from a configuration file as the gate does it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;

use crate::app;
use crate::clock::{Clock, Moment, UnixTime};
use crate::config::{self, LoadOptions};
use crate::jose::algorithm::Algorithm;
use crate::jose::jwe::KeyManagement;
use crate::jose::jwe::minting::{self, Recipient};
use crate::keys::Keys;
use crate::verify::Verifier;
use crate::verify::testing::{self, NOW, Signer};

/// What tokens are judged by.
pub(super) struct World {
    pub verifier: Verifier,
    pub keys: Arc<Keys>,
}

pub(super) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let options = LoadOptions {
            // There are none; the keys to decrypt with count as one wherever they are.
            read_files: true,
            try_snapshots: false,
            environment: Some(HashMap::from([
                (
                    "SHARED".to_owned(),
                    String::from_utf8(testing::secret().raw_public()).expect("a secret of letters"),
                ),
                ("OF_BANK".to_owned(), minting::RSA.jwks(json!({}))),
                (
                    "OF_SEALED".to_owned(),
                    minting::P256.jwks(json!({"kid": "d1"})),
                ),
                ("OF_SHARED".to_owned(), shared().jwks(json!({}))),
            ])),
        };
        let config =
            config::parse(&file(), "world", &options).unwrap_or_else(|problems| fail(&problems));
        let gate = app::assemble(config, Arc::new(Standstill), None).expect("a gate");
        World {
            verifier: gate.verifier,
            keys: gate.keys,
        }
    })
}

#[expect(clippy::panic, reason = "code of tests")]
fn fail(problems: &[config::Problem]) -> ! {
    let rendered: String = problems.iter().map(config::render).collect();
    panic!("{rendered}")
}

/// A clock that stands at [`NOW`].
pub(super) struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Moment {
        Moment {
            wall: UnixTime(NOW),
            monotonic: Duration::from_secs(1_000),
        }
    }
}

/// Who may sign for one issuer, and how: what the laws expect, said a second time and apart from the configuration below.
pub(super) struct Trust {
    pub name: &'static str,
    pub signers: &'static [fn() -> &'static Signer],
    pub algorithms: &'static [Algorithm],
    pub leeway: i64,
    /// To whom its tokens may be encrypted.
    pub recipient: Option<fn() -> &'static Recipient>,
    pub must_be_encrypted: bool,
}

impl Trust {
    const fn of(
        name: &'static str,
        signers: &'static [fn() -> &'static Signer],
        algorithms: &'static [Algorithm],
    ) -> Self {
        Self {
            name,
            signers,
            algorithms,
            leeway: 30,
            recipient: None,
            must_be_encrypted: false,
        }
    }
}

/// 32 bytes, for `A256KW` and its kin.
fn shared() -> &'static Recipient {
    let fits = |pair: &&(KeyManagement, _, &'static Recipient)| pair.0 == KeyManagement::A256Kw;
    static SHARED: OnceLock<&'static Recipient> = OnceLock::new();
    SHARED.get_or_init(|| minting::matrix().iter().find(fits).expect("a pair").2)
}

const RS256: &[Algorithm] = &[Algorithm::Rs256];
const RSA_AND_PSS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Ps256];
const PUBLIC: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Ed25519,
];

pub(super) const TRUST: &[Trust] = &[
    Trust::of(
        "plain",
        &[
            testing::rsa,
            testing::es256,
            testing::ed25519,
            testing::es384,
            testing::es512,
        ],
        PUBLIC,
    ),
    Trust {
        leeway: 0,
        ..Trust::of("strict", &[testing::other_es256], &[Algorithm::Es256])
    },
    Trust::of("pool", &[testing::rsa], RS256),
    Trust::of("saas", &[testing::rsa], RSA_AND_PSS),
    Trust::of("staff", &[testing::rsa], RS256),
    Trust::of("many", &[testing::other_rsa], RS256),
    Trust {
        recipient: Some(|| &minting::RSA),
        ..Trust::of("bank", &[testing::other_rsa], RSA_AND_PSS)
    },
    Trust {
        recipient: Some(shared),
        ..Trust::of("shared", &[testing::secret], &[Algorithm::Hs256])
    },
    Trust {
        recipient: Some(|| &minting::P256),
        must_be_encrypted: true,
        ..Trust::of("sealed", &[testing::es256], PUBLIC)
    },
    // Its keys are never fetched.
    Trust::of("dark", &[], &[]),
];

pub(super) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const OTHER_TENANT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

fn file() -> String {
    let rsa = testing::rsa().jwk(r#""kid":"k1","x5t":"thumb""#);
    let es256 = testing::es256().jwk(r#""kid":"k2""#);
    let ed25519 = testing::ed25519().jwk(r#""kid":"k3""#);
    let es384 = testing::es384().jwk(r#""kid":"k4""#);
    let es512 = testing::es512().jwk(r#""kid":"k5""#);
    let other_es256 = testing::other_es256().jwk(r#""kid":"k2","alg":"ES256""#);
    let other_rsa = testing::other_rsa().jwk(r#""kid":"k1","use":"sig""#);
    let of_tenants = testing::other_rsa()
        .jwk(r#""kid":"k1","issuer":"https://login.microsoftonline.com/{tenantid}/v2.0""#);
    format!(
        r#"
upstream: http://127.0.0.1:3000
issuers:
  - name: plain
    provider: oidc
    issuer: https://id.example
    audiences: [api, other]
    keys: {{jwks: {{"keys": [{rsa}, {es256}, {ed25519}, {es384}, {es512}]}}}}
  - name: strict
    provider: oidc
    issuer: https://strict.example/
    audiences: [api]
    algorithms: [ES256]
    token_types: [at+jwt]
    leeway: 0s
    max_age: 1h
    required_claims: {{azp: client, level: [1, 2]}}
    keys: {{jwks: {{"keys": [{other_es256}]}}}}
  - name: pool
    provider: cognito
    user_pool_id: us-east-1_Example
    client_ids: [client]
    token_use: [id, access]
    keys: {{jwks: {{"keys": [{rsa}]}}}}
  - name: saas
    provider: auth0
    domain: example.eu.auth0.com
    organization: org_1
    audiences: [api]
    keys: {{jwks: {{"keys": [{rsa}]}}}}
  - name: staff
    provider: entra
    tenant: {TENANT}
    audiences: [api]
    groups_overage: deny
    keys: {{jwks: {{"keys": [{rsa}]}}}}
  - name: many
    provider: entra
    tenant: organizations
    allowed_tenants: [{OTHER_TENANT}]
    audiences: [api]
    keys: {{jwks: {{"keys": [{of_tenants}]}}}}
  - name: bank
    provider: wso2
    url: https://is.example:9443
    audiences: [api]
    keys: {{jwks: {{"keys": [{other_rsa}]}}}}
    decryption: {{keys_env: OF_BANK}}
  - name: shared
    provider: oidc
    issuer: urn:shared
    audiences: [api]
    algorithms: [HS256]
    keys: {{secret_env: SHARED}}
    decryption: {{keys_env: OF_SHARED, algorithms: [dir, A256KW, A256GCMKW]}}
  - name: sealed
    provider: oidc
    issuer: https://sealed.example
    audiences: [api]
    keys: {{jwks: {{"keys": [{es256}]}}}}
    decryption: {{keys_env: OF_SEALED, required: true}}
  - name: dark
    provider: oidc
    issuer: https://dark.example
    audiences: [api]
    keys: {{jwks_url: https://dark.example/jwks}}
"#
    )
}
