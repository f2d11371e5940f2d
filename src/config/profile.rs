//! The provider's own keys of an entry (`providers/`), judged by the provider. A stand-in takes the place of what is wrong already, so that one mistake
//! neither hides another nor causes a second report.

use std::sync::Arc;

use super::problem::{Mistake, Problems};
use super::providers::{self, Provider};
use super::record::Record;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::jwk::KeyPolicy;
use crate::jose::padded::Spelling;
use crate::provider::{
    BadSetting, ClaimNames, DEFAULT_RETENTION, IssuerForm, IssuerPattern, KeyDocument, Profile,
    ProviderKind, StandardRules,
};

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

/// The profile of a stand-in when not even the provider is known.
pub(super) fn judge(record: &Record, problems: &mut Problems) -> Judged {
    let Some(provider) = providers::of(record) else {
        return Judged {
            profile: stand_in(),
            right: false,
            issuer_is_right: true,
        };
    };
    let mut settings = Settings {
        record,
        wrong: Vec::new(),
    };
    for _ in 0..LOOKS {
        let bad = match (provider.profile)(&settings) {
            Ok(profile) => {
                let mut issuer_keys = provider.issuer_keys.iter();
                return Judged {
                    profile,
                    right: settings.wrong.is_empty() && !record.has_broken(),
                    issuer_is_right: !issuer_keys.any(|key| settings.is_wrong(key)),
                };
            }
            Err(bad) => bad,
        };
        for problem in &bad {
            if !settings.is_wrong(problem.field) {
                report(provider, record, problem, problems);
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

fn report(provider: &Provider, record: &Record, problem: &BadSetting, problems: &mut Problems) {
    let mistake = Mistake {
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    };
    let mistake = match record.item(problem.field) {
        Some(item) => item.redact(mistake),
        None => mistake,
    };
    // What is missing is missing because of the issuer: there the mistake can be seen.
    let shown_at = match record.given(problem.field) {
        true => problem.field,
        false => provider.main_key(record),
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
        claims: ClaimNames::default(),
        audiences: None,
        bound_by: None,
        key_policy: KeyPolicy::default(),
        spelling: Spelling::Strict,
        rules: Arc::new(StandardRules),
    }
}

/// What an entry says, for the provider's file: a key that is wrong is replaced by a stand-in.
pub(super) struct Settings<'r> {
    record: &'r Record,
    /// Keys of which a problem is reported, besides those that the decoder reported.
    wrong: Vec<&'static str>,
}

impl Settings<'_> {
    pub fn is_wrong(&self, key: &str) -> bool {
        self.record.broken(key) || self.wrong.contains(&key)
    }

    pub fn given(&self, key: &str) -> bool {
        self.record.given(key)
    }

    pub fn text(&self, key: &str, stand_in: &str) -> String {
        self.optional(key).unwrap_or_else(|| stand_in.to_owned())
    }

    /// Absent when it is wrong.
    pub fn optional(&self, key: &str) -> Option<String> {
        if self.is_wrong(key) {
            return None;
        }
        self.record.text(key).map(str::to_owned)
    }

    /// Of a key that must have an element.
    pub fn list(&self, key: &str, stand_in: &str) -> Vec<String> {
        match self.is_wrong(key) {
            true => vec![stand_in.to_owned()],
            false => self.record.texts(key),
        }
    }

    /// Empty when it is wrong.
    pub fn optional_list(&self, key: &str) -> Vec<String> {
        match self.is_wrong(key) {
            true => Vec::new(),
            false => self.record.texts(key),
        }
    }

    /// False when it is wrong.
    pub fn flag(&self, key: &str) -> bool {
        !self.is_wrong(key) && self.record.boolean(key) == Some(true)
    }
}
