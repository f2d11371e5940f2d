//! The provider's own keys of an entry, judged by the provider. A stand-in takes the place of what is wrong already, so that one mistake
//! neither hides another nor causes a second report.

use super::problem::{Mistake, Problems};
use super::record::Record;
use crate::jose::algorithm::AlgorithmSet;
use crate::provider::{
    BadSetting, ClaimNames, DEFAULT_RETENTION, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, Rules, auth0, cognito, entra, oidc, wso2,
};

/// The keys that make an issuer's `iss`.
const ISSUER_KEYS: [&str; 7] = [
    "issuer",
    "user_pool_id",
    "region",
    "domain",
    "tenant",
    "versions",
    "url",
];
/// A provider may see a mistake only when another one is out of its way: the first look, and one for each of two.
const LOOKS: usize = 3;

pub(super) struct Judged {
    /// For the checks of what stands beside it, even when it is not right itself.
    pub profile: Profile,
    /// Nothing of it is a stand-in.
    pub right: bool,
    /// The same of its issuer forms.
    pub issuer_is_right: bool,
}

pub(super) fn judge(record: &Record, problems: &mut Problems) -> Judged {
    let mut settings = Settings {
        record,
        wrong: Vec::new(),
    };
    for _ in 0..LOOKS {
        let bad = match settings.profile() {
            Ok(profile) => {
                return Judged {
                    profile,
                    right: settings.wrong.is_empty() && !record.has_broken(),
                    issuer_is_right: !ISSUER_KEYS.iter().any(|key| settings.is_wrong(key)),
                };
            }
            Err(bad) => bad,
        };
        for problem in &bad {
            if !settings.is_wrong(problem.field) {
                report(record, problem, problems);
            }
        }
        settings.wrong.extend(bad.iter().map(|bad| bad.field));
    }
    Judged {
        profile: stand_in(),
        right: false,
        issuer_is_right: false,
    }
}

fn report(record: &Record, problem: &BadSetting, problems: &mut Problems) {
    let mistake = Mistake {
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    };
    let mistake = match record.item(problem.field) {
        Some(item) => item.redact(mistake),
        None => mistake,
    };
    // What is missing is missing because of the tenant: there the mistake can be seen.
    let shown_at = match record.given(problem.field) {
        true => problem.field,
        false => "tenant",
    };
    problems.error(&record.place(shown_at), mistake);
}

/// A profile that finds no fault with anything, for an entry of which not even the provider is known.
pub(super) fn stand_in() -> Profile {
    let issuer = "https://stand-in.invalid".to_owned();
    Profile {
        kind: ProviderKind::Oidc,
        forms: vec![IssuerForm {
            keys: KeyDocument::Discovery {
                url: issuer.clone(),
                issuer: issuer.clone(),
            },
            pattern: IssuerPattern::Exact(issuer),
        }],
        algorithms: AlgorithmSet::asymmetric(),
        token_types: Vec::new(),
        retention: DEFAULT_RETENTION,
        claims: ClaimNames {
            username: Vec::new(),
            email: Vec::new(),
            name: Vec::new(),
            groups: Vec::new(),
            roles: Vec::new(),
            scope: Vec::new(),
            tenant: Vec::new(),
        },
        rules: Rules::Oidc(oidc::Rules),
    }
}

struct Settings<'r> {
    record: &'r Record,
    /// Keys of which a problem is reported, besides those that the decoder reported.
    wrong: Vec<&'static str>,
}

impl Settings<'_> {
    fn is_wrong(&self, key: &str) -> bool {
        self.record.broken(key) || self.wrong.contains(&key)
    }

    fn profile(&self) -> Result<Profile, Vec<BadSetting>> {
        match self.record.variant {
            Some("oidc") => oidc::profile(oidc::Settings {
                issuer: self.text("issuer", "https://stand-in.invalid"),
            }),
            Some("cognito") => self.cognito(),
            Some("auth0") => auth0::profile(auth0::Settings {
                domains: self.list("domain", "stand-in.invalid"),
                organization: self.optional("organization"),
            }),
            Some("entra") => self.entra(),
            Some("wso2") => wso2::profile(wso2::Settings {
                url: self.text("url", "https://stand-in.invalid"),
                tenant: self.optional("tenant"),
            }),
            _ => Ok(stand_in()),
        }
    }

    fn cognito(&self) -> Result<Profile, Vec<BadSetting>> {
        let region = self.optional("region");
        // Of the region that the entry names: which of the two would be wrong, nobody knows.
        let pool = format!("{}_StandIn", region.as_deref().unwrap_or("us-east-1"));
        cognito::profile(cognito::Settings {
            user_pool_id: self.text("user_pool_id", &pool),
            region,
            client_ids: self.list("client_ids", "stand-in"),
            token_use: self
                .list("token_use", "id")
                .iter()
                .map(|name| match name.as_str() {
                    "access" => cognito::TokenUse::Access,
                    _ => cognito::TokenUse::Id,
                })
                .collect(),
        })
    }

    fn entra(&self) -> Result<Profile, Vec<BadSetting>> {
        const SOME_TENANT: &str = "00000000-0000-0000-0000-000000000000";
        let any_tenant =
            !self.is_wrong("any_tenant") && self.record.boolean("any_tenant") == Some(true);
        let others = any_tenant || self.record.given("allowed_tenants");
        let tenant = self.text("tenant", if others { "common" } else { SOME_TENANT });
        let multi = matches!(tenant.as_str(), "common" | "organizations");
        let allowed_tenants = match (self.is_wrong("allowed_tenants"), multi && !any_tenant) {
            (false, _) => self.record.texts("allowed_tenants"),
            (true, true) => vec![SOME_TENANT.to_owned()],
            (true, false) => Vec::new(),
        };
        entra::profile(entra::Settings {
            tenant,
            allowed_tenants,
            any_tenant,
            versions: match self.is_wrong("versions") {
                true => Vec::new(),
                false => self.record.texts("versions"),
            }
            .iter()
            .map(|name| match name.as_str() {
                "1.0" => entra::Version::V1,
                _ => entra::Version::V2,
            })
            .collect(),
            groups_overage: match self.record.text("groups_overage") {
                Some("flag") => entra::GroupsOverage::Flag,
                _ => entra::GroupsOverage::Deny,
            },
        })
    }

    fn text(&self, key: &str, stand_in: &str) -> String {
        self.optional(key).unwrap_or_else(|| stand_in.to_owned())
    }

    /// Absent when it is wrong.
    fn optional(&self, key: &str) -> Option<String> {
        if self.is_wrong(key) {
            return None;
        }
        self.record.text(key).map(str::to_owned)
    }

    fn list(&self, key: &str, stand_in: &str) -> Vec<String> {
        match self.is_wrong(key) {
            true => vec![stand_in.to_owned()],
            false => self.record.texts(key),
        }
    }
}
