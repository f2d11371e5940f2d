//! `claimgate check`: every problem of the file in one run; with `--online` also whether the issuers' keys can be had.

use std::sync::Arc;

use super::online::fetch_once;
use super::output::{complain, complain_of, print, table};
use super::{BAD_CONFIG, ConfigFile, FAILURE, SUCCESS};
use crate::app;
use crate::clock::SystemClock;

use crate::config::{self, Config, Listen, LoadOptions, Problem, Severity, to_json};
use crate::keys::source::Origin;
use crate::keys::status::SourceStatus;
use crate::policy::{Access, RouteConfig};
use crate::verify::Verifier;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Also fetch discovery documents and keys, and show what is there
    #[arg(long)]
    online: bool,
    /// Leave secret and key files unread, where they do not exist (in CI)
    #[arg(long)]
    no_files: bool,
    /// Print the problems as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn check(arguments: &Arguments) -> u8 {
    let file = arguments.file.path();
    let options = LoadOptions {
        read_files: !arguments.no_files,
        try_snapshots: !arguments.no_files,
        ..LoadOptions::default()
    };
    let mut config = match config::load(&file, &options) {
        Ok(config) => config,
        Err(problems) => return report(arguments, &problems),
    };
    let mut problems = std::mem::take(&mut config.warnings);
    let mut summary = server(&config);
    let routes = routes(config.routes.as_deref());
    let owners = owners(&config);
    let gate = match app::assemble(config, Arc::new(SystemClock), None) {
        Ok(gate) => gate,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return BAD_CONFIG;
        }
    };
    let owners = by_source(&gate.verifier, &owners);
    if arguments.online {
        match fetch_once(&gate.keys) {
            Ok(results) => {
                for ((source, owner), result) in gate.keys.status().iter().zip(&owners).zip(results)
                {
                    if let Err(error) = result
                        && (owner.fetched || !arguments.no_files)
                    {
                        problems.push(unreachable_keys(
                            &file.display().to_string(),
                            owner,
                            source,
                            &error,
                        ));
                    }
                }
            }
            Err(error) => {
                complain(&format!("error: cannot fetch keys: {error}\n"));
                return FAILURE;
            }
        }
    }
    summary.push_str(&issuers(&gate.keys.status(), &owners, arguments.online));
    summary.push_str(&routes);
    if !arguments.json {
        print(&summary);
        if !is_bad(&problems) {
            print(&format!("\n{} is valid\n", file.display()));
        }
    }
    report(arguments, &problems)
}

fn report(arguments: &Arguments, problems: &[Problem]) -> u8 {
    if arguments.json {
        print(&format!("{:#}\n", to_json(problems)));
    } else if !problems.is_empty() {
        complain_of(problems);
    }
    if is_bad(problems) {
        BAD_CONFIG
    } else {
        SUCCESS
    }
}

fn is_bad(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}

/// An entry of `issuers`, as far as its sources need it.
#[derive(Clone, Copy)]
struct Owner {
    index: usize,
    line: usize,
    column: usize,
    provider: &'static str,
    /// Its keys come over the network, and not from a file that `--no-files` leaves unread.
    fetched: bool,
}

/// One for each issuer, in the order of the file.
fn owners(config: &Config) -> Vec<Owner> {
    let owner = |(index, issuer): (usize, &config::IssuerSetup)| Owner {
        index,
        line: issuer.line,
        column: issuer.column,
        provider: issuer.profile.kind.name(),
        fetched: issuer.sources.iter().any(|s| s.origin.is_remote()),
    };
    config.issuers.iter().enumerate().map(owner).collect()
}

/// One for each source, in the order of their numbers: an issuer's forms may share one.
fn by_source(verifier: &Verifier, owners: &[Owner]) -> Vec<Owner> {
    let mut numbered: Vec<(usize, Owner)> = verifier
        .issuers()
        .iter()
        .zip(owners)
        .flat_map(|(issuer, owner)| issuer.sources.iter().map(|id| (id.0, *owner)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.dedup_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, owner)| owner).collect()
}

fn unreachable_keys(file: &str, owner: &Owner, source: &SourceStatus, error: &str) -> Problem {
    // An error may know what to do, on a line of its own.
    let (error, hint) = match error.split_once("\nhint: ") {
        Some((error, hint)) => (error, hint),
        None => (error, ABOUT_ISSUERS),
    };
    Problem {
        file: file.to_owned(),
        line: owner.line,
        column: owner.column,
        path: format!("issuers[{}].keys", owner.index),
        message: format!(
            "no keys for issuer `{}` from {}: {error}",
            source.issuer, source.origin
        ),
        hint: Some(format!("{hint}; {UNTIL_THEN}")),
        severity: Severity::Error,
        snippet: None,
    }
}

const ABOUT_ISSUERS: &str = "look at the issuer's address, DNS, the network policy, `keys.ca_file` for a private certificate, `keys.proxy`";
const UNTIL_THEN: &str =
    "the gate would start, and answer 503 to this issuer's tokens until its keys can be had";

fn server(config: &Config) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    table(
        "",
        &[
            row("listen", listen(&config.listen)),
            row("admin", config.admin.to_string()),
            row("upstream", config.upstream.address()),
        ],
    )
}

/// The address, and what is asked of connections there.
fn listen(listen: &Listen) -> String {
    let settings = &listen.settings;
    let mut text = settings.address.to_string();
    if let Some(tls) = &settings.tls {
        text.push_str(", TLS");
        if let Some(read) = &listen.tls {
            let end = config::shown_time(read.not_after);
            text.push_str(&format!(" (the certificate ends at {end})"));
        }
        if let Some(clients) = &tls.client_ca {
            text.push_str(match clients.required {
                true => ", clients need a certificate",
                false => ", clients may have a certificate",
            });
        }
    }
    let senders = &settings.proxy_protocol;
    let networks = senders.networks.iter().map(ToString::to_string);
    let senders: Vec<String> = networks
        .chain(senders.unix.then(|| "everybody".to_owned()))
        .collect();
    if !senders.is_empty() {
        text.push_str(&format!(", a PROXY header from {}", senders.join(" ")));
    }
    text
}

fn issuers(sources: &[SourceStatus], owners: &[Owner], online: bool) -> String {
    let mut rows = Vec::new();
    for (source, owner) in sources.iter().zip(owners) {
        rows.push(vec![
            source.issuer.to_string(),
            owner.provider.to_owned(),
            format!("keys: {}", source.origin),
        ]);
        if online {
            let found = |line: String| vec![String::new(), String::new(), line];
            rows.extend(held(source).into_iter().map(found));
            if source.kind == Origin::KEY_PER_KID {
                rows.push(found("  each is fetched when a token names it".to_owned()));
            }
        }
    }
    format!("\nissuers\n{}", table("  ", &rows))
}

/// A line for each key that a source holds or skipped.
fn held(source: &SourceStatus) -> Vec<String> {
    let kid = |kid: Option<&str>| kid.map_or("no kid".to_owned(), |kid| format!("kid `{kid}`"));
    let usable = source.keys.iter().map(|key| {
        format!(
            "  {}: {}",
            kid(key.kid.as_deref()),
            key.algorithms.join(" ")
        )
    });
    let skipped = source.skipped.iter().map(|key| {
        format!(
            "  {}: skipped, {}: {}",
            kid(key.kid.as_deref()),
            key.reason.name(),
            key.reason.explanation()
        )
    });
    usable
        .chain(skipped)
        .map(|line| crate::telemetry::escape::visible(&line))
        .collect()
}

fn routes(routes: Option<&[RouteConfig]>) -> String {
    let Some(routes) = routes else {
        return "\nroutes\n  every path needs a token\n".to_owned();
    };
    let rows: Vec<Vec<String>> = routes
        .iter()
        .map(|route| {
            let methods = if route.methods.is_empty() {
                "any method".to_owned()
            } else {
                route.methods.join(" ")
            };
            let mut access = match route.access {
                Access::Public {
                    pass_credentials: false,
                } => "public".to_owned(),
                Access::Public {
                    pass_credentials: true,
                } => "public, credentials pass".to_owned(),
                Access::Optional => "a token may be missing".to_owned(),
                Access::Required if route.require.is_empty() => "needs a token".to_owned(),
                Access::Required => {
                    let rules: Vec<String> =
                        route.require.iter().map(|rule| rule.describe()).collect();
                    format!("needs a token with {}", rules.join(" and "))
                }
            };
            if route.cors_preflight && route.access == Access::Required {
                access.push_str(", CORS preflights pass");
            }
            vec![
                route.path.clone(),
                methods,
                access,
                route.name.clone().unwrap_or_default(),
            ]
        })
        .collect();
    format!("\nroutes\n{}", table("  ", &rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::{SkipReason, SkippedKey};
    use crate::keys::status::KeyStatus;

    #[test]
    fn routes_say_who_may_pass() {
        let route = |path: &str, methods: &[&str], access| RouteConfig {
            name: None,
            path: path.to_owned(),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            access,
            require: vec![],
            cors_preflight: false,
        };
        let public = Access::Public {
            pass_credentials: false,
        };
        let text = routes(Some(&[
            route("/healthz", &["GET"], public),
            RouteConfig {
                cors_preflight: true,
                ..route("/api/*", &[], Access::Required)
            },
            route("/*", &[], Access::Required),
        ]));
        assert_eq!(
            text,
            "\nroutes\n  /healthz  GET         public\n  /api/*    any method  needs a token, CORS preflights pass\n  /*        any method  needs a token\n"
        );
        assert_eq!(routes(None), "\nroutes\n  every path needs a token\n");
    }

    #[test]
    fn listening_says_what_is_asked_of_connections() {
        for (written, shown) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            (
                "{address: '127.0.0.1:1', tls: {certificate_file: a, private_key_file: b, client_ca_file: c}, proxy_protocol: [10.0.0.0/8]}",
                "127.0.0.1:1, TLS, clients need a certificate, a PROXY header from 10.0.0.0/8",
            ),
            (
                "{address: 'unix:/run/a.sock', proxy_protocol: [unix]}",
                "unix:/run/a.sock, a PROXY header from everybody",
            ),
        ] {
            let text = format!(
                "listen: {written}\nupstream: http://127.0.0.1:1\nissuers: [{{provider: auth0, domain: example.eu.auth0.com, audiences: [a]}}]\n"
            );
            let unread = LoadOptions {
                read_files: false,
                ..LoadOptions::default()
            };
            let config = config::parse(&text, "test", &unread)
                .unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(listen(&config.listen), shown);
        }
    }

    #[test]
    fn online_shows_every_key_and_why_one_is_skipped() {
        let source = SourceStatus {
            issuer: Arc::from("staff"),
            kind: "jwks_url",
            origin: "https://id.example/keys".to_owned(),
            required_for_ready: true,
            keys: vec![KeyStatus {
                kid: Some("k1".into()),
                algorithms: vec!["RS256", "RS384"],
                retained: None,
            }],
            skipped: vec![SkippedKey {
                kid: None,
                reason: SkipReason::WeakKey,
            }],
            ..SourceStatus::default()
        };
        let owner = Owner {
            index: 0,
            line: 4,
            column: 5,
            provider: "oidc",
            fetched: true,
        };
        let text = issuers(&[source], &[owner], true);
        assert!(text.contains("kid `k1`: RS256 RS384"), "{text}");
        assert!(text.contains("no kid: skipped, weak_key: "), "{text}");
    }

    #[test]
    fn a_source_belongs_to_its_issuer_although_two_forms_share_one() {
        let text = "upstream: http://127.0.0.1:3000\nissuers:\n\
            \x20 - {provider: cognito, user_pool_id: us-east-1_AbCdEfGhI, client_ids: [c]}\n\
            \x20 - {provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad, audiences: [a]}\n\
            \x20 - {provider: oidc, issuer: 'https://id.example/', audiences: [a]}\n";
        let config = config::parse(text, "c.yaml", &LoadOptions::default())
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let owners = owners(&config);
        let gate = app::assemble(config, Arc::new(SystemClock), None).unwrap();
        let sources = gate.keys.status();
        let owners = by_source(&gate.verifier, &owners);
        assert_eq!(sources.len(), owners.len());
        for (source, owner) in sources.iter().zip(&owners) {
            // The name's default is the provider's.
            assert_eq!(&*source.issuer, owner.provider);
        }
        let lines: Vec<_> = owners.iter().map(|owner| owner.line).collect();
        assert_eq!(lines, [3, 4, 4, 5]);
    }

    #[test]
    fn keys_that_cannot_be_had_are_shown_at_their_issuer_with_what_to_do() {
        let (source, owner) = held_by_nobody();
        let problem = unreachable_keys("c.yaml", &owner, &source, "no answer");
        assert_eq!((problem.line, problem.column), (4, 5));
        assert!(problem.hint.unwrap().contains("ca_file"));
        let redirected = "redirects\nhint: configure the address where the document is";
        let problem = unreachable_keys("c.yaml", &owner, &source, redirected);
        assert!(problem.message.ends_with(": redirects"));
        assert!(problem.hint.unwrap().starts_with("configure the address"));
    }

    fn held_by_nobody() -> (SourceStatus, Owner) {
        let source = SourceStatus {
            issuer: Arc::from("staff"),
            kind: "jwks_url",
            origin: "https://id.example/keys".to_owned(),
            required_for_ready: true,
            ..SourceStatus::default()
        };
        let owner = Owner {
            index: 0,
            line: 4,
            column: 5,
            provider: "oidc",
            fetched: true,
        };
        (source, owner)
    }
}
