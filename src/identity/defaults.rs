//! The default identity headers: the same for every provider; what a provider calls the thing is its preset's business.

use http::HeaderName;

use super::Unusable;
use super::encoding::Encoding;
use super::format::{self, Format};
use crate::jose::json::Json;
use crate::provider::first_claim;
use crate::verify::VerifiedToken;

/// The names of the default set; always managed.
pub const DEFAULT_NAMES: [&str; 10] = [
    "X-Auth-Subject",
    "X-Auth-Issuer",
    "X-Auth-Username",
    "X-Auth-Email",
    "X-Auth-Name",
    "X-Auth-Groups",
    "X-Auth-Roles",
    "X-Auth-Scope",
    "X-Auth-Tenant",
    "X-Auth-Groups-Overage",
];

/// One header of the default set.
#[derive(Clone, Debug)]
pub(super) struct DefaultHeader {
    pub(super) name: HeaderName,
    pub(super) spelling: &'static str,
    content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Subject,
    Issuer,
    Username,
    Email,
    Name,
    Groups,
    Roles,
    Scope,
    Tenant,
    GroupsOverage,
}

impl DefaultHeader {
    pub(super) fn all() -> [Self; 10] {
        let contents = [
            ("x-auth-subject", Content::Subject),
            ("x-auth-issuer", Content::Issuer),
            ("x-auth-username", Content::Username),
            ("x-auth-email", Content::Email),
            ("x-auth-name", Content::Name),
            ("x-auth-groups", Content::Groups),
            ("x-auth-roles", Content::Roles),
            ("x-auth-scope", Content::Scope),
            ("x-auth-tenant", Content::Tenant),
            ("x-auth-groups-overage", Content::GroupsOverage),
        ];
        let mut spellings = DEFAULT_NAMES.into_iter();
        contents.map(|(name, content)| Self {
            name: HeaderName::from_static(name),
            spelling: spellings.next().unwrap_or(name),
            content,
        })
    }

    /// None where the token says nothing.
    pub(super) fn value(&self, token: &VerifiedToken) -> Result<Option<Vec<u8>>, Unusable> {
        let claims = token.claims();
        let names = token.claim_names();
        let findings = token.findings();
        let write = |claim: Option<&Json>, format: Format| match claim {
            Some(claim) => format.write(claim, Encoding::Percent),
            None => Ok(None),
        };
        match self.content {
            Content::Subject => write(claims.get("sub"), Format::Text),
            Content::Issuer => Encoding::Percent.text(token.issuer()).map(Some),
            Content::Username => write(first_claim(claims, &names.username), Format::Text),
            Content::Email if findings.email_verified => {
                write(first_claim(claims, &names.email), Format::Text)
            }
            Content::Email => Ok(None),
            Content::Name => write(first_claim(claims, &names.name), Format::Text),
            Content::Groups => write(first_claim(claims, &names.groups), Format::Csv),
            Content::Roles => write(first_claim(claims, &names.roles), Format::Csv),
            Content::Scope => match first_claim(claims, &names.scope) {
                Some(claim) => format::write_scope(claim),
                None => Ok(None),
            },
            Content::Tenant => write(first_claim(claims, &names.tenant), Format::Text),
            Content::GroupsOverage => Ok(findings.groups_overage.then(|| b"true".to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_names_are_those_that_are_set() {
        for (header, spelling) in DefaultHeader::all().iter().zip(DEFAULT_NAMES) {
            assert_eq!(header.spelling, spelling);
            assert_eq!(header.name.as_str(), spelling.to_ascii_lowercase());
        }
    }
}
