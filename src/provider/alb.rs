//! AWS Application Load Balancers: what a listener that authenticates users puts into `x-amzn-oidc-data`.
//!
//! It is no token of the user's identity provider: the load balancer signs what the provider's user-info endpoint said, with a key of its
//! own, ES256 only ("Authenticate users using an Application Load Balancer", ELB user guide; `aws-jwt-verify`, `src/alb-verifier.ts`).
//! All load balancers of a region have their keys at one host, so a good signature alone says nothing: the protected header must name
//! this load balancer (`signer`) and this client (`client`). `iss` is the identity provider's, and there is no `aud`.
//!
//! Its segments are padded, which only this provider's entries take.

use std::sync::Arc;

use super::aws_region::is_region;
use super::{
    BadSetting, Facts, Findings, IssuerForm, IssuerPattern, KeyDocument, Profile, ProviderKind,
    Refusal, Rules, oidc,
};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::Json;
use crate::jose::padded::Spelling;

/// What an entry says.
pub struct Settings {
    /// The identity provider's, as the listener's rule has it.
    pub issuer: String,
    /// ARNs of load balancers, all of one region.
    pub signers: Vec<String>,
    /// As the listener's rule has them.
    pub client_ids: Vec<String>,
}

#[derive(Debug)]
struct AlbRules {
    signers: Vec<String>,
    client_ids: Vec<String>,
}

pub fn profile(settings: Settings) -> Result<Profile, Vec<BadSetting>> {
    let mut problems: Vec<BadSetting> = oidc::check_issuer(&settings.issuer)
        .err()
        .into_iter()
        .collect();
    let keys = keys_of(&settings.signers).unwrap_or_else(|problem| {
        problems.push(problem);
        KeyDocument::Unknown { hint: "" }
    });
    let unusable = |id: &String| id.is_empty() || id.contains(char::is_whitespace);
    if settings.client_ids.is_empty() || settings.client_ids.iter().any(unusable) {
        problems.push(BadSetting::new(
            "client_ids",
            "a client id is missing, empty or has white space in it",
            "name the client ids of the listener's rules whose users are for this application",
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let form = IssuerForm {
        pattern: IssuerPattern::Exact(settings.issuer),
        keys,
    };
    Ok(Profile {
        algorithms: AlgorithmSet::of(&[Algorithm::Es256]),
        token_types: vec!["JWT"],
        audiences: Some(settings.client_ids.clone()),
        bound_by: Some("client_ids"),
        spelling: Spelling::Padded,
        rules: Arc::new(AlbRules {
            signers: settings.signers,
            client_ids: settings.client_ids,
        }),
        ..Profile::standard(ProviderKind::Alb, vec![form])
    })
}

/// Where the keys of these load balancers are: all in one region.
fn keys_of(signers: &[String]) -> Result<KeyDocument, BadSetting> {
    let mut found: Option<Place> = None;
    for signer in signers {
        let place = Place::of(signer).ok_or_else(|| {
            BadSetting::new(
                "signer",
                format!("`{signer}` is not the ARN of an Application Load Balancer"),
                "it looks like `arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188`",
            )
        })?;
        if found.as_ref().is_some_and(|other| *other != place) {
            return Err(BadSetting::new(
                "signer",
                "these load balancers are in different regions, which have different keys",
                "write an entry for each region; entries differ in `issuer`",
            ));
        }
        found = Some(place);
    }
    let missing = || {
        BadSetting::new(
            "signer",
            "no load balancer is named, so any of AWS's customers could sign",
            "give the ARN of the load balancer",
        )
    };
    Ok(found.ok_or_else(missing)?.keys())
}

/// The part of AWS that a load balancer is in.
#[derive(PartialEq, Eq)]
struct Place<'a> {
    partition: &'a str,
    region: &'a str,
}

impl<'a> Place<'a> {
    /// Of `arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{id}`.
    fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':');
        let mut next = || parts.next();
        let (prefix, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let good = prefix == "arn"
            && matches!(partition, "aws" | "aws-us-gov" | "aws-cn" | "aws-eusc")
            && service == "elasticloadbalancing"
            && is_region(region)
            && is_account
            && is_load_balancer(resource)
            && parts.next().is_none();
        good.then_some(Self { partition, region })
    }

    /// As the ELB user guide has them. For China and the European Sovereign Cloud it names none.
    fn keys(&self) -> KeyDocument {
        let region = self.region;
        match self.partition {
            "aws" => KeyDocument::KeyPerKid {
                url: format!("https://public-keys.auth.elb.{region}.amazonaws.com/{{kid}}"),
            },
            "aws-us-gov" => KeyDocument::KeyPerKid {
                url: format!(
                    "https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/{{kid}}"
                ),
            },
            _ => KeyDocument::Unknown {
                hint: "give the address of the keys in this part of AWS: `keys: {pem_url: https://.../{kid}}`",
            },
        }
    }
}

/// `loadbalancer/app/{name}/{id}`.
fn is_load_balancer(resource: &str) -> bool {
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["loadbalancer", "app", name, id] => is_word(name) && is_word(id),
        _ => false,
    }
}

impl Rules for AlbRules {
    /// The audience is the header's `client`.
    fn check_audience(
        &self,
        facts: Facts<'_>,
        _audiences: Option<&[String]>,
    ) -> Result<(), Refusal> {
        let client = facts.header.members.get("client");
        match client.map(Json::as_str) {
            Some(None) => Err(Refusal::Malformed("`client` of the header is not a string")),
            Some(Some(client)) if self.client_ids.iter().any(|id| id == client) => Ok(()),
            Some(Some(_)) | None => Err(Refusal::AudienceMismatch {
                found: Some(client.map_or_else(
                    || "nobody (the header has no `client`)".to_owned(),
                    |client| format!("`client` {}", client.to_ascii()),
                )),
                expected: format!("`client` of the header: {}", self.client_ids.join(", ")),
            }),
        }
    }

    fn check_claims(&self, facts: Facts<'_>) -> Result<Findings, Refusal> {
        let header = facts.header;
        if header.kid.is_none() {
            return Err(Refusal::Malformed(
                "the header has no `kid`, which every load balancer writes",
            ));
        }
        match header.members.get("signer").map(Json::as_str) {
            None => return Err(Refusal::ClaimMissing { claim: "signer" }),
            Some(Some(signer)) if self.signers.iter().any(|arn| arn == signer) => {}
            Some(_) => {
                return Err(Refusal::ClaimMismatch {
                    claim: "signer",
                    expected: format!("in the header, {}", self.signers.join(", ")),
                });
            }
        }
        // In the claims as well as here: whoever reads one must not see another issuer in the other.
        match header.members.get("iss").map(Json::as_str) {
            None => {}
            Some(Some(iss)) if iss == facts.iss => {}
            Some(_) => {
                return Err(Refusal::ClaimMismatch {
                    claim: "iss",
                    expected: format!("{} in the header too", facts.iss),
                });
            }
        }
        Ok(Findings::of_email(facts.claims))
    }

    fn header_expires(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::header::Header;
    use crate::provider::testing::{header_of, judge_with, with};

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188";
    const HEADER: &str = r#"{"typ":"JWT","kid":"a0b1c2d3-0000-4def-8123-456789abcdef","alg":"ES256",
        "iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI","client":"1example23456789",
        "signer":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188","exp":1700000120}"#;
    const CLAIMS: &str = r#"{"sub":"1234567890","name":"Jane","email":"jane@example.com","email_verified":"true","username":"jane",
        "exp":1700000120,"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"}"#;

    fn settings() -> Settings {
        Settings {
            issuer: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI".to_owned(),
            signers: vec![ARN.to_owned()],
            client_ids: vec!["1example23456789".to_owned()],
        }
    }

    fn judged(header: &Header) -> Result<Findings, Refusal> {
        judge_with(&profile(settings()).unwrap(), header, None, CLAIMS).unwrap()
    }

    fn judged_with(member: &str, value: Option<&str>) -> Result<Findings, Refusal> {
        judged(&header_of(&with(HEADER, member, value)))
    }

    #[test]
    fn what_this_load_balancer_says_of_this_client_is_taken() {
        assert!(judged(&header_of(HEADER)).unwrap().email_verified);
        let profile = profile(settings()).unwrap();
        assert_eq!(profile.algorithms, AlgorithmSet::of(&[Algorithm::Es256]));
        assert_eq!(profile.spelling, Spelling::Padded);
        assert!(profile.rules.header_expires());
    }

    #[test]
    fn another_load_balancer_is_refused_although_its_keys_are_at_the_same_host() {
        for signer in [
            Some(
                "\"arn:aws:elasticloadbalancing:eu-west-1:210987654321:loadbalancer/app/my-alb/50dc6c495c0c9188\"",
            ),
            Some(
                "\"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188 \"",
            ),
            Some("\"\""),
            Some(
                "[\"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-alb/50dc6c495c0c9188\"]",
            ),
            Some("null"),
        ] {
            let found = judged_with("signer", signer);
            assert!(
                matches!(
                    found,
                    Err(Refusal::ClaimMismatch {
                        claim: "signer",
                        ..
                    })
                ),
                "{signer:?}"
            );
        }
        let missing = judged_with("signer", None);
        assert_eq!(missing, Err(Refusal::ClaimMissing { claim: "signer" }));
    }

    #[test]
    fn j28_another_client_is_refused() {
        for (client, said) in [
            (Some("\"other\""), "`client` \"other\""),
            (Some("\"\""), "`client` \"\""),
            (None, "nobody (the header has no `client`)"),
        ] {
            let Err(Refusal::AudienceMismatch { found, .. }) = judged_with("client", client) else {
                panic!("{client:?} is accepted");
            };
            assert_eq!(found.as_deref(), Some(said));
        }
        let list = judged_with("client", Some("[\"1example23456789\"]"));
        assert!(matches!(list, Err(Refusal::Malformed(_))));
        // A claim of that name, which the user's provider may have written, is nobody's client.
        let claimed = with(CLAIMS, "client", Some("\"1example23456789\""));
        let header = header_of(&with(HEADER, "client", None));
        let found = judge_with(&profile(settings()).unwrap(), &header, None, &claimed);
        assert!(matches!(found, Some(Err(Refusal::AudienceMismatch { .. }))));
    }

    #[test]
    fn an_issuer_in_the_header_is_the_same_and_a_kid_is_there() {
        assert!(judged_with("iss", None).is_ok());
        for iss in [Some("\"https://other.example\""), Some("7"), Some("null")] {
            let found = judged_with("iss", iss);
            assert!(
                matches!(found, Err(Refusal::ClaimMismatch { claim: "iss", .. })),
                "{iss:?}"
            );
        }
        assert!(matches!(
            judged_with("kid", None),
            Err(Refusal::Malformed(_))
        ));
    }

    #[test]
    fn keys_are_at_the_regional_host() {
        for (arn, expected) in [
            (
                ARN,
                Some("https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}"),
            ),
            (
                "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:123456789012:loadbalancer/app/a/1",
                Some(
                    "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/{kid}",
                ),
            ),
            (
                "arn:aws-us-gov:elasticloadbalancing:us-gov-east-1:123456789012:loadbalancer/app/a/1",
                Some(
                    "https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1/{kid}",
                ),
            ),
            (
                "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:loadbalancer/app/a/1",
                None,
            ),
        ] {
            let keys = keys_of(&[arn.to_owned()]).unwrap();
            match expected {
                Some(url) => assert_eq!(
                    keys,
                    KeyDocument::KeyPerKid {
                        url: url.to_owned()
                    }
                ),
                None => assert!(
                    matches!(keys, KeyDocument::Unknown { hint } if hint.contains("pem_url"))
                ),
            }
        }
    }

    #[test]
    fn what_is_no_load_balancer_is_refused() {
        for arn in [
            "",
            "my-alb",
            "arn:aws:elasticloadbalancing",
            "arn:aws:elasticloadbalancing:eu-west-1.evil.example/:123456789012:loadbalancer/app/a/1",
            "arn:aws:elasticloadbalancing:.:123456789012:loadbalancer/app/a/1",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/a/1",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/1",
            "arn:aws:elasticloadbalancing:eu-west-1::loadbalancer/app/a/1",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1/2",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1:2",
            "arn:aws:s3:eu-west-1:123456789012:loadbalancer/app/a/1",
            "arn:evil:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1",
            " arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1",
        ] {
            assert_eq!(
                keys_of(&[arn.to_owned()]).unwrap_err().field,
                "signer",
                "{arn}"
            );
        }
        assert!(keys_of(&[]).is_err());
        let other = ARN.replace("eu-west-1", "us-east-1");
        assert!(keys_of(&[ARN.to_owned(), other]).is_err());
        let same = ARN.replace("my-alb", "blue");
        assert!(keys_of(&[ARN.to_owned(), same]).is_ok());
    }

    #[test]
    fn every_setting_that_is_wrong_is_told_at_once() {
        let problems = profile(Settings {
            issuer: String::new(),
            signers: vec!["x".to_owned()],
            client_ids: Vec::new(),
        })
        .unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["issuer", "signer", "client_ids"]);
    }
}
