//! What each provider's preset says, from the tables, and from the profile that its example file makes: the table of the README and
//! `docs/providers.md` hold it, and a test compares.

use super::kind::{Field, Presence, Variant};
use super::providers::VARIANTS;
use super::{reference, units};
use crate::jose::algorithm::AlgorithmSet;
use crate::provider::{ClaimPath, IssuerForm, IssuerPattern, KeyDocument, Profile};

/// A Markdown table, a row for each provider. `example` gives the profile of a provider's example file.
pub(super) fn table(example: &dyn Fn(&str) -> Profile) -> String {
    let mut table = String::from(
        "| `provider:` | its settings | issuer, as in the example | keys | algorithms | audience | what it knows |\n|---|---|---|---|---|---|---|\n",
    );
    for variant in VARIANTS {
        let profile = example(variant.name);
        table.push_str(&format!(
            "| [`{}`](config/{}.yaml) {} | {} | {} | {} | {} | {} | {} |\n",
            variant.name,
            variant.name,
            variant.title,
            settings(variant),
            issuers(&profile).join("<br>"),
            keys(&profile),
            algorithms(profile.algorithms),
            audience(variant, &profile),
            variant.doc.replace('|', "\\|"),
        ));
    }
    table
}

/// A section for each provider.
pub(super) fn page(example: &dyn Fn(&str) -> Profile) -> String {
    let mut page = String::new();
    for variant in VARIANTS {
        let profile = example(variant.name);
        page.push_str(&format!(
            "## {}\n\n`provider: {}`, example: [config/{}.yaml](../config/{}.yaml)\n\n{}\n\n",
            variant.title, variant.name, variant.name, variant.name, variant.doc
        ));
        page.push_str(&reference::fields(variant.fields()));
        page.push_str("\nThe example makes:\n\n");
        for form in &profile.forms {
            page.push_str(&format!("- issuer {}, {}\n", issuer(form), document(form)));
        }
        page.push_str(&format!(
            "- algorithms: {}; `typ`: {}; a key that left the document is good for {} more\n",
            algorithms(profile.algorithms),
            profile.token_types.join(", "),
            units::write_duration(profile.retention),
        ));
        page.push_str(&format!("- {}\n\n", claims(&profile)));
    }
    page
}

/// The provider's own, those that it needs in bold.
fn settings(variant: &Variant) -> String {
    let own = variant.fields().filter(|field| !is_audience(field));
    let names: Vec<String> = own
        .map(|field| match field.presence {
            Presence::Required => format!("**`{}`**", field.name),
            Presence::Optional(_) | Presence::Default(_) => format!("`{}`", field.name),
        })
        .collect();
    names.join(", ")
}

fn is_audience(field: &Field) -> bool {
    matches!(field.name, "audiences" | "any_audience")
}

fn issuers(profile: &Profile) -> Vec<String> {
    profile.forms.iter().map(issuer).collect()
}

fn issuer(form: &IssuerForm) -> String {
    match &form.pattern {
        IssuerPattern::Exact(issuer) | IssuerPattern::Tenant(issuer) => format!("`{issuer}`"),
        pattern @ IssuerPattern::TrustDomain(_) => format!("none; `sub` in `{}/`", pattern.text()),
    }
}

fn keys(profile: &Profile) -> String {
    let kind = |form: &IssuerForm| match form.keys {
        KeyDocument::Discovery { .. } => "discovery",
        KeyDocument::Jwks { .. } => "key set",
        KeyDocument::Certificates { .. } => "certificates",
        KeyDocument::KeyPerKid { .. } => "one by one",
        KeyDocument::Unknown { .. } => "as `keys` says",
    };
    let mut kinds: Vec<_> = profile.forms.iter().map(kind).collect();
    kinds.dedup();
    kinds.join(", ")
}

fn document(form: &IssuerForm) -> String {
    match &form.keys {
        KeyDocument::Discovery { url, .. } => format!("keys by discovery at `{url}`"),
        KeyDocument::Jwks { url } => format!("keys at `{url}`"),
        KeyDocument::Certificates { url } => format!("certificates by `kid` at `{url}`"),
        KeyDocument::KeyPerKid { url } => format!("each key at `{url}`"),
        KeyDocument::Unknown { .. } => "keys where `keys` says: there is no default".to_owned(),
    }
}

fn algorithms(set: AlgorithmSet) -> String {
    if set == AlgorithmSet::asymmetric() {
        return "every asymmetric one".to_owned();
    }
    let names: Vec<_> = set.iter().map(|algorithm| algorithm.name()).collect();
    names.join(", ")
}

fn audience(variant: &Variant, profile: &Profile) -> String {
    let has = |name: &str| variant.fields().any(|field| field.name == name);
    let mut settings: Vec<String> = Vec::new();
    if has("audiences") {
        settings.push("`audiences`".to_owned());
    }
    settings.extend(profile.bound_by.map(|setting| format!("`{setting}`")));
    let opt_out = match has("any_audience") {
        true => "",
        false => ", no opt-out",
    };
    format!("{}{opt_out}", settings.join(" or "))
}

/// Which claims the default headers come from.
fn claims(profile: &Profile) -> String {
    let names = &profile.claims;
    let headers = [
        ("X-Auth-Username", &names.username),
        ("X-Auth-Email", &names.email),
        ("X-Auth-Name", &names.name),
        ("X-Auth-Groups", &names.groups),
        ("X-Auth-Roles", &names.roles),
        ("X-Auth-Scope", &names.scope),
        ("X-Auth-Tenant", &names.tenant),
    ];
    let written: Vec<String> = headers
        .iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(header, paths)| format!("`{header}` {}", alternatives(paths)))
        .collect();
    let absent: Vec<String> = headers
        .iter()
        .filter(|(_, paths)| paths.is_empty())
        .map(|(header, _)| format!("`{header}`"))
        .collect();
    match absent.is_empty() {
        true => format!("claims: {}", written.join("; ")),
        false => format!(
            "claims: {}; there is no {}",
            written.join("; "),
            absent.join(", ")
        ),
    }
}

fn alternatives(paths: &[ClaimPath]) -> String {
    let path = |path: &ClaimPath| match path.as_slice() {
        [claim] => format!("`{claim}`"),
        names => format!("`[{}]`", names.join(", ")),
    };
    let paths: Vec<String> = paths.iter().map(path).collect();
    paths.join(", then ")
}
