//! SPIFFE: JWT-SVIDs of the workloads of one trust domain (JWT-SVID standard, SPIFFE Trust Domain and Bundle standard §4).
//!
//! They need no `iss`: whose they are is in `sub`, `spiffe://{trust domain}/...`. So an entry is found by the trust domain, for a token
//! whose `iss` is missing or is no configured issuer's. A token whose `iss` names a configured issuer is that one's and nobody else's,
//! whatever its `sub` says. An entry that says `issuer` is found by it alone, and the trust domain must be right besides.

use std::sync::Arc;

use super::spiffe_id::{SpiffeId, is_trust_domain};
use super::{
    BadSetting, ClaimNames, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Refusal, Rules, audience, oidc,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::header::Header;
use crate::jose::json::{Json, Object};
use crate::jose::jwk::KeyPolicy;

/// What an entry says.
pub struct Settings {
    pub trust_domain: String,
    /// The exact `iss`, where the trust domain's issuer writes one (SPIRE's `jwt_issuer`).
    pub issuer: Option<String>,
    pub audiences: Vec<String>,
    /// IDs, or with `/*` at the end everything below; empty: the whole trust domain.
    pub spiffe_ids: Vec<String>,
}

#[derive(Debug)]
struct SpiffeRules {
    trust_domain: String,
    audiences: Vec<String>,
    spiffe_ids: Vec<String>,
}

/// JWT-SVID §2.1: these and no others.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];
/// JWT-SVID §2: the members that a header may have.
const HEADER_MEMBERS: [&str; 3] = ["alg", "kid", "typ"];
/// JWT-SVID §2.3, as written.
const TYPES: [&str; 2] = ["JWT", "JOSE"];
/// Bundle §4.2.2 wants `jwt-svid`; an OpenID discovery provider of SPIRE writes `sig`, or nothing.
const KEY_USES: [&str; 2] = ["jwt-svid", "sig"];
/// At the end of an allowed ID: everything below.
const BELOW: &str = "/*";

pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let problems = problems(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    let Settings {
        trust_domain,
        issuer,
        audiences,
        spiffe_ids,
    } = settings;
    let form = match issuer {
        Some(issuer) => IssuerForm::discovered(issuer),
        None => IssuerForm {
            pattern: IssuerPattern::TrustDomain(trust_domain.clone()),
            keys: KeyDocument::Unknown {
                hint: "give the trust domain's bundle: `keys: {jwks_url: https://...}` of its bundle endpoint, or `keys: {jwks_file: ...}`",
            },
        },
    };
    Ok(Profile {
        algorithms: AlgorithmSet::of(&ALGORITHMS),
        token_types: TYPES.to_vec(),
        claims: ClaimNames::default(),
        audiences: Some(audiences.clone()),
        key_policy: KeyPolicy {
            accepted_use: KEY_USES.map(str::to_owned).to_vec(),
            kid_required: true,
            ..KeyPolicy::default()
        },
        rules: Arc::new(SpiffeRules {
            trust_domain,
            audiences,
            spiffe_ids,
        }),
        ..Profile::standard(ProviderKind::Spiffe, vec![form])
    })
}

fn problems(settings: &Settings) -> Vec<BadSetting> {
    let mut problems = Vec::new();
    let trust_domain = &settings.trust_domain;
    if !is_trust_domain(trust_domain) {
        problems.push(BadSetting::new(
            "trust_domain",
            format!("`{trust_domain}` is not the name of a trust domain"),
            "write it without `spiffe://`, in lower case, as in `prod.example.com`",
        ));
    }
    if let Some(issuer) = &settings.issuer {
        problems.extend(oidc::check_issuer(issuer).err());
    }
    if settings.audiences.is_empty() {
        problems.push(BadSetting::new(
            "audiences",
            "no audience is named, and a JWT-SVID is for one",
            "list what callers ask their workload API for: the name of this application",
        ));
    }
    for allowed in &settings.spiffe_ids {
        let id = allowed.strip_suffix(BELOW).unwrap_or(allowed);
        let within = |id: &str| id.strip_prefix(super::spiffe_id::SCHEME) == Some(trust_domain);
        let good = match SpiffeId::parse(id) {
            Some(id) => id.trust_domain == trust_domain,
            // Everything of the trust domain.
            None => within(id) && allowed.ends_with(BELOW),
        };
        if !good {
            problems.push(BadSetting::new(
                "spiffe_ids",
                format!("`{allowed}` is not a SPIFFE ID of the trust domain `{trust_domain}`"),
                format!("write `spiffe://{trust_domain}/path`, or `spiffe://{trust_domain}/path/*` for everything below"),
            ));
        }
    }
    problems
}

impl Rules for SpiffeRules {
    /// There is no opt-out: a JWT-SVID is replayed by whoever gets it, and only its audience says where it may be.
    fn check_audience(
        &self,
        facts: Facts<'_>,
        _audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        audience::check(facts.claims, Some(&self.audiences), audience::is_exactly)
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        check_header(facts.header)?;
        let id = self.subject(facts.claims)?;
        if !self.spiffe_ids.is_empty() && !self.spiffe_ids.iter().any(|one| allows(one, id)) {
            return Err(Refusal::ClaimMismatch {
                claim: "sub",
                expected: self.spiffe_ids.join(", "),
            });
        }
        Ok(Findings::default())
    }
}

impl SpiffeRules {
    /// The workload's ID, which is of this trust domain.
    fn subject<'c>(&self, claims: &'c Object) -> Result<&'c str, Refusal> {
        let found = claims.get("sub");
        let found = found.ok_or(Refusal::ClaimMissing { claim: "sub" })?;
        found
            .as_str()
            .filter(|text| {
                SpiffeId::parse(text).is_some_and(|id| id.trust_domain == self.trust_domain)
            })
            .ok_or_else(|| Refusal::ClaimMismatch {
                claim: "sub",
                expected: format!("spiffe://{}/...", self.trust_domain),
            })
    }
}

fn check_header(header: &Header) -> Result<(), Refusal> {
    let known = |(name, _): (&str, &Json)| HEADER_MEMBERS.contains(&name);
    if !header.members.iter().all(known) {
        return Err(Refusal::Malformed(
            "the header of a JWT-SVID has no other member than `alg`, `kid` and `typ`",
        ));
    }
    let allowed = |algorithm| ALGORITHMS.contains(&algorithm);
    if !header.algorithm.is_some_and(allowed) {
        return Err(Refusal::Malformed(
            "a JWT-SVID is signed with RS, ES or PS, of 256, 384 or 512, and nothing else",
        ));
    }
    match header.typ.as_deref() {
        None => Ok(()),
        Some(typ) if TYPES.contains(&typ) => Ok(()),
        Some(_) => Err(Refusal::TokenTypeNotAllowed {
            found: "another `typ` than a JWT-SVID has".to_owned(),
            expected: TYPES.join(", "),
        }),
    }
}

/// `allowed` is the ID itself, or ends in `/*` and `id` is below it, by whole segments.
fn allows(allowed: &str, id: &str) -> bool {
    match allowed.strip_suffix(BELOW) {
        Some(above) => id
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with('/')),
        None => id == allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk;
    use crate::provider::testing::{header_of, judge_with, with};

    /// A JWT-SVID as SPIRE makes it.
    const SVID: &str = r#"{"aud":["billing"],"exp":1700000300,"iat":1700000000,"sub":"spiffe://prod.example.com/ns/payments/sa/worker"}"#;
    const HEADER: &str = r#"{"alg":"ES256","kid":"OFWcvVSxWwT4FjVpxOGIZC3q8fIUm5vT","typ":"JWT"}"#;

    fn settings(spiffe_ids: &[&str]) -> Settings {
        Settings {
            trust_domain: "prod.example.com".to_owned(),
            issuer: None,
            audiences: vec!["billing".to_owned()],
            spiffe_ids: spiffe_ids.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn judged(spiffe_ids: &[&str], header: &str, text: &str) -> Result<Findings, Refusal> {
        let profile = profile(settings(spiffe_ids)).unwrap();
        judge_with(&profile, &header_of(header), None, text).unwrap()
    }

    #[test]
    fn a_jwt_svid_of_the_trust_domain_is_taken() {
        for header in [
            HEADER,
            r#"{"alg":"RS256","kid":"k","typ":"JOSE"}"#,
            r#"{"alg":"PS512","kid":"k"}"#,
            r#"{"alg":"ES384"}"#,
        ] {
            assert_eq!(
                judged(&[], header, SVID),
                Ok(Findings::default()),
                "{header}"
            );
        }
    }

    #[test]
    fn j13_a_header_that_no_jwt_svid_has_is_refused() {
        for more in [
            "x5t", "x5c", "jku", "jwk", "x5u", "nonce", "iss", "zip", "cty",
        ] {
            let header = with(HEADER, more, Some("\"x\""));
            let found = judged(&[], &header, SVID);
            assert!(matches!(found, Err(Refusal::Malformed(_))), "{more}");
        }
        for typ in ["jwt", "at+jwt", "application/jwt", "Jose", ""] {
            let header = with(HEADER, "typ", Some(&format!("\"{typ}\"")));
            let found = judged(&[], &header, SVID);
            assert!(
                matches!(found, Err(Refusal::TokenTypeNotAllowed { .. })),
                "{typ}"
            );
        }
        for alg in ["EdDSA", "Ed25519", "HS256", "none", "ES256K"] {
            let header = with(HEADER, "alg", Some(&format!("\"{alg}\"")));
            let found = judged(&[], &header, SVID);
            assert!(matches!(found, Err(Refusal::Malformed(_))), "{alg}");
        }
    }

    #[test]
    fn another_trust_domain_is_refused() {
        for sub in [
            "spiffe://prod.example.com.evil.example/ns/payments/sa/worker",
            "spiffe://example.com/ns/payments/sa/worker",
            "spiffe://prod.example.co/m/x",
            "spiffe://PROD.example.com/x",
            "spiffe://prod.example.com",
            "spiffe://prod.example.com/",
            "spiffe://prod.example.com/../x",
            "https://prod.example.com/x",
            "prod.example.com/x",
            "",
        ] {
            let text = with(SVID, "sub", Some(&format!("\"{sub}\"")));
            let found = judged(&[], HEADER, &text);
            assert!(
                matches!(found, Err(Refusal::ClaimMismatch { claim: "sub", .. })),
                "{sub}"
            );
        }
        let missing = judged(&[], HEADER, &with(SVID, "sub", None));
        assert_eq!(missing, Err(Refusal::ClaimMissing { claim: "sub" }));
    }

    #[test]
    fn j28_the_audience_must_be_named() {
        for aud in [Some("[\"other\"]"), Some("[]"), Some("\"bill\""), None] {
            let found = judged(&[], HEADER, &with(SVID, "aud", aud));
            assert!(
                matches!(found, Err(Refusal::AudienceMismatch { .. })),
                "{aud:?}"
            );
        }
        let one = with(SVID, "aud", Some("\"billing\""));
        assert!(judged(&[], HEADER, &one).is_ok());
    }

    #[test]
    fn only_allowed_workloads_come_in_by_whole_segments() {
        for (allowed, good) in [
            ("spiffe://prod.example.com/ns/payments/sa/worker", true),
            ("spiffe://prod.example.com/ns/payments/sa/*", true),
            ("spiffe://prod.example.com/ns/payments/*", true),
            ("spiffe://prod.example.com/*", true),
            ("spiffe://prod.example.com/ns/payments/sa/worke", false),
            ("spiffe://prod.example.com/ns/payments/sa/worke/*", false),
            ("spiffe://prod.example.com/ns/pay/*", false),
            ("spiffe://prod.example.com/ns/payments/sa/worker/*", false),
            ("spiffe://prod.example.com/ns/payments/sa/Worker", false),
        ] {
            assert_eq!(judged(&[allowed], HEADER, SVID).is_ok(), good, "{allowed}");
        }
        let several = [
            "spiffe://prod.example.com/x",
            "spiffe://prod.example.com/ns/*",
        ];
        assert!(judged(&several, HEADER, SVID).is_ok());
    }

    #[test]
    fn settings_that_could_match_nothing_or_too_much_are_refused() {
        for (id, good) in [
            ("spiffe://prod.example.com/*", true),
            ("spiffe://prod.example.com", false),
            ("spiffe://prod.example.com/", false),
            ("spiffe://prod.example.com*", false),
            ("spiffe://prod.example.com/a*", false),
            ("spiffe://prod.example.com/*/a", false),
            ("spiffe://prod.example.com/a/**", false),
            ("spiffe://prod.example.com/a//*", false),
            ("spiffe://other.example.com/a", false),
            ("spiffe://other.example.com/*", false),
            ("spiffe://*", false),
            ("/ns/payments", false),
            ("*", false),
            ("/*", false),
            ("", false),
        ] {
            assert_eq!(profile(settings(&[id])).is_ok(), good, "{id}");
        }
        for domain in [
            "",
            "spiffe://prod.example.com",
            "PROD",
            "prod/x",
            "prod:8443",
        ] {
            let problems = profile(Settings {
                trust_domain: domain.to_owned(),
                ..settings(&[])
            })
            .unwrap_err();
            assert_eq!(problems[0].field, "trust_domain");
        }
        let nobody = Settings {
            audiences: Vec::new(),
            ..settings(&[])
        };
        assert_eq!(profile(nobody).unwrap_err()[0].field, "audiences");
    }

    #[test]
    fn an_entry_with_an_issuer_is_found_by_it_alone() {
        let with_issuer = profile(Settings {
            issuer: Some("https://oidc.prod.example.com".to_owned()),
            ..settings(&[])
        })
        .unwrap();
        assert_eq!(
            with_issuer.forms[0].pattern,
            IssuerPattern::Exact("https://oidc.prod.example.com".to_owned())
        );
        let without = profile(settings(&[])).unwrap();
        assert_eq!(
            without.forms[0].pattern,
            IssuerPattern::TrustDomain("prod.example.com".to_owned())
        );
        assert!(matches!(without.forms[0].keys, KeyDocument::Unknown { .. }));
    }

    #[test]
    fn of_a_bundle_only_the_keys_for_tokens_are_used_and_only_with_a_kid() {
        let key = |more: &str| {
            format!(
                r#"{{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"{more}}}"#
            )
        };
        let bundle = format!(
            r#"{{"spiffe_sequence":1,"spiffe_refresh_hint":600,"keys":[{},{},{},{},{}]}}"#,
            key(r#","use":"x509-svid","x5c":["MIIB"]"#),
            key(r#","use":"jwt-svid","kid":"one""#),
            key(r#","use":"jwt-svid""#),
            key(r#","use":"enc","kid":"four""#),
            key(r#","kid":"five""#),
        );
        let policy = profile(settings(&[])).unwrap().key_policy;
        let read = jwk::read_set(bundle.as_bytes(), &policy).unwrap();
        let kids: Vec<_> = read.keys.iter().map(|key| key.kid.as_deref()).collect();
        assert_eq!(kids, [Some("one"), Some("five")]);
        let reasons: Vec<_> = read.skipped.iter().map(|key| key.reason).collect();
        assert_eq!(
            reasons,
            [
                jwk::SkipReason::NotForSignatures,
                jwk::SkipReason::Malformed,
                jwk::SkipReason::NotForSignatures
            ]
        );
    }
}
