//! Where the keys are when `keys:` does not say it: what the provider's preset knows.

use super::keys::{ABOUT_KID_URLS, ABOUT_URLS, Builder};
use super::problem::{Mistake, Place, Problems};
use super::providers;
use crate::keys::fetch::FetchSettings;
use crate::keys::kid::KidUrl;
use crate::keys::source::Origin;
use crate::keys::url::{BadKeyUrl, KeyUrl};
use crate::provider::{IssuerForm, IssuerPattern, KeyDocument};

impl Builder<'_> {
    /// The document that the preset knows for one form of the issuer.
    pub fn preset(
        &self,
        form: &IssuerForm,
        fetch: Option<FetchSettings>,
        problems: &mut Problems,
    ) -> Option<Origin> {
        if !self.entry.issuer_is_right {
            return None;
        }
        let field = providers::of(self.entry.record)
            .map_or("", |provider| provider.main_key(self.entry.record));
        let place = self.entry.record.place(field);
        match self.known(form, fetch, field, &place, problems) {
            Ok(origin) => origin,
            Err(mistake) => {
                problems.error(&place, mistake);
                None
            }
        }
    }

    /// None: `fetch` is wrong, which is reported.
    fn known(
        &self,
        form: &IssuerForm,
        fetch: Option<FetchSettings>,
        field: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Result<Option<Origin>, Mistake> {
        let mut address = |text: &str| {
            let checked = KeyUrl::parse(text, self.flag("allow_http"));
            let url = checked.map_err(|bad| self.no_address(field, &bad))?;
            self.warn_of_http(&url, text, place, problems);
            Ok(url)
        };
        Ok(match &form.keys {
            KeyDocument::Jwks { url } => {
                let url = address(url)?;
                fetch.map(|fetch| Origin::JwksUrl { url, fetch })
            }
            KeyDocument::Certificates { url } => {
                let url = address(url)?;
                fetch.map(|fetch| Origin::CertificatesUrl { url, fetch })
            }
            KeyDocument::Discovery { url, issuer } => {
                let (url, issuer) = (address(url)?, issuer.clone());
                fetch.map(|fetch| Origin::Discovery { url, issuer, fetch })
            }
            KeyDocument::KeyPerKid { url } => {
                let url = KidUrl::parse(url, self.flag("allow_http"));
                let url = url.map_err(|bad| Mistake::from_message(&bad.0, ABOUT_KID_URLS))?;
                fetch.map(|fetch| Origin::KeyPerKid { url, fetch })
            }
            KeyDocument::Unknown { hint } => {
                return Err(Mistake::new("only you know where this issuer's keys are").hint(*hint));
            }
        })
    }

    /// The preset makes no address that can be fetched, because of what the entry says.
    fn no_address(&self, field: &str, bad: &BadKeyUrl) -> Mistake {
        let reason = Mistake::from_message(&bad.0, ABOUT_URLS);
        let written = self.entry.record.item(field).map_or("", |item| &item.shown);
        if field != "issuer" || written.contains("://") {
            return reason;
        }
        Mistake::new(format!(
            "no keys can be discovered at `{written}`: {}",
            reason.message
        ))
        .hint("give the keys' source, as in `keys: {jwks_url: https://...}`; an issuer that is no URL has no discovery")
    }

    /// The `issuer` that a discovery document of the operator's choice must name.
    pub fn discovered_issuer(&self, problems: &mut Problems) -> Option<String> {
        if !self.entry.issuer_is_right {
            return None;
        }
        let document = |form: &IssuerForm| match (&form.keys, &form.pattern) {
            (KeyDocument::Discovery { issuer, .. }, _)
            | (_, IssuerPattern::Exact(issuer) | IssuerPattern::Tenant(issuer)) => {
                Some(issuer.clone())
            }
            (_, IssuerPattern::TrustDomain(_)) => None,
        };
        let mut issuers: Vec<_> = self.entry.profile.forms.iter().map(document).collect();
        // Two spellings of `iss` may share a document (Google).
        issuers.dedup();
        let mistake = match issuers.as_slice() {
            [Some(issuer)] => return Some(issuer.clone()),
            [None] => Mistake::new("a discovery document names its issuer, and this entry has none")
                .hint("add the `issuer` of the document, which tokens must then have as `iss`; or use `jwks_url`"),
            several => Mistake::new(format!(
                "one discovery document names one issuer, and this entry has {}",
                several.len()
            ))
            .hint("use `jwks_url`, or an entry for each (Entra: `versions: [\"2.0\"]`; Auth0: one `domain`)"),
        };
        problems.error(&self.keys.place("discovery_url"), mistake);
        None
    }
}
