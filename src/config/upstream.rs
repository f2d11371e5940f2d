//! `upstream:`, the application.

use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::problem::{Mistake, Place, Problems};
use super::record::{Data, Item, Record};
use super::upstream_url::{self, UpstreamUrl};
use super::{LoadOptions, forward_trailers, secret};
use crate::proxy::{
    ChunkedBodies, HostHeader, Protocol, TlsFiles, TlsMaterial, TlsMistake, TlsPems, Transport,
    UpstreamSettings, UpstreamTls,
};

/// What a socket is called where an authority is needed.
const SOCKET_AUTHORITY: http::uri::Authority = http::uri::Authority::from_static("localhost");

pub(super) fn settings(
    root: &Record,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<UpstreamSettings> {
    let item = root.item("upstream")?;
    let record = match &item.data {
        Data::Text(url) => {
            let (authority, transport, protocol) =
                application(url, &item.place, None, options, problems)?;
            return Some(UpstreamSettings {
                authority,
                transport,
                protocol,
                host: HostHeader::default(),
                chunked: ChunkedBodies::default(),
                connect_timeout: UpstreamSettings::DEFAULT_CONNECT_TIMEOUT,
                response_timeout: UpstreamSettings::DEFAULT_RESPONSE_TIMEOUT,
                pool_idle_timeout: UpstreamSettings::DEFAULT_POOL_IDLE_TIMEOUT,
                forward_trailers: Arc::default(),
            });
        }
        Data::Record(record) => record,
        _ => return None,
    };
    // Without an address the files can be looked at all the same.
    let url = record.text("url").unwrap_or_default();
    let place = record.place("url");
    let (authority, transport, protocol) =
        application(url, &place, Some(record), options, problems)?;
    Some(UpstreamSettings {
        authority,
        transport,
        protocol,
        host: match record.text("host")? {
            "upstream" => HostHeader::Upstream,
            _ => HostHeader::Preserve,
        },
        chunked: match record.text("chunked")? {
            "refuse" => ChunkedBodies::Refuse,
            _ => ChunkedBodies::Forward,
        },
        connect_timeout: record.duration("connect_timeout")?,
        response_timeout: record.duration("response_timeout")?,
        pool_idle_timeout: record.duration("pool_idle_timeout")?,
        forward_trailers: forward_trailers::names(record),
    })
}

/// The authority, what is under HTTP, and which HTTP.
fn application(
    url: &str,
    place: &Place,
    record: Option<&Record>,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<(http::uri::Authority, Transport, Protocol)> {
    // Each part reports by itself, so that one mistake does not hide another.
    let tls = match record {
        Some(record) if record.broken("tls") => None,
        Some(record) => tls_files(record.record("tls"), options, problems),
        None => tls_files(None, options, problems),
    };
    let url = upstream_url::parse(url).ok()?;
    let asked = record.map_or(Some("auto"), |record| record.text("http"))?;
    let protocol = match (asked, &url) {
        ("http1", UpstreamUrl::H2c(_)) => {
            if let Some(record) = record {
                problems.error(
                    &record.place("http"),
                    Mistake::new("`h2c` is HTTP/2, and `http` says `http1`")
                        .hint("write `http://` in `url`, or take `http` out"),
                );
            }
            return None;
        }
        ("http2", _) | (_, UpstreamUrl::H2c(_)) => Protocol::Http2,
        ("http1", _) => Protocol::Http1,
        _ => Protocol::Auto,
    };
    if let Some(record) = record
        && record.given("tls")
        && !matches!(url, UpstreamUrl::Https(_))
    {
        problems.error(
            &record.place("tls"),
            Mistake::new("`tls` is for an `https` upstream only")
                .hint("write `https://` in `url`, or take `tls` out"),
        );
        return None;
    }
    let (authority, transport) = match url {
        UpstreamUrl::Http(authority) | UpstreamUrl::H2c(authority) => (authority, Transport::Tcp),
        UpstreamUrl::Unix(path) => (SOCKET_AUTHORITY, Transport::Unix(path)),
        UpstreamUrl::Https(authority) => {
            let name = server_name(record, &authority, place, problems)?;
            let (files, material) = tls?;
            let tls = UpstreamTls::new(name, files, material);
            (authority, Transport::Tls(Arc::new(tls)))
        }
    };
    Some((authority, transport, protocol))
}

/// `server_name`, or the host of the URL.
fn server_name(
    record: Option<&Record>,
    authority: &http::uri::Authority,
    place: &Place,
    problems: &mut Problems,
) -> Option<ServerName<'static>> {
    if let Some(tls) = record.and_then(|record| record.record("tls")) {
        if tls.broken("server_name") {
            return None;
        }
        if let Some(name) = tls.text("server_name") {
            return upstream_url::server_name(name).ok();
        }
    }
    match upstream_url::server_name(authority.host()) {
        Ok(name) => Some(name),
        Err(mistake) => {
            problems.error(
                place,
                mistake.hint("give the name of its certificate as `tls.server_name`"),
            );
            None
        }
    }
}

/// What the files hold; nothing is read of them with `--no-files`.
fn tls_files(
    tls: Option<&Record>,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<(TlsFiles, TlsMaterial)> {
    const CERTIFICATE: &str = "client_certificate_file";
    const KEY: &str = "client_private_key_file";
    let mut files = TlsFiles::default();
    let mut pems = TlsPems::default();
    if let Some(tls) = tls {
        let mut read = |name: &str| {
            let item = tls.item(name)?;
            let text = item.text()?;
            match options.read_files {
                false => Some(Vec::new()),
                true => secret::read_file(text)
                    .map_err(|mistake| problems.error(&item.place, item.redact(mistake)))
                    .ok(),
            }
        };
        let (ca, certificate, key) = (read("ca_file"), read(CERTIFICATE), read(KEY));
        for (name, other) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
            if tls.given(name) && !tls.given(other) && !tls.broken(other) {
                problems.error(
                    &tls.place(name),
                    Mistake::new(format!("`{name}` without `{other}`"))
                        .hint("a certificate and its key are needed together"),
                );
            }
        }
        let complete = [("ca_file", &ca), (CERTIFICATE, &certificate), (KEY, &key)]
            .iter()
            .all(|(name, read)| tls.given(name) == read.is_some());
        let path = |name: &str| tls.text(name).map(Into::into);
        files.ca = path("ca_file");
        files.identity = path(CERTIFICATE).zip(path(KEY));
        if options.read_files {
            // What could be read is judged, though another file could not.
            pems.ca = ca;
            pems.identity = certificate.zip(key);
        }
        if tls.given(CERTIFICATE) != tls.given(KEY) || !complete || tls.has_broken() {
            let _ = judged(tls, &pems, problems);
            return None;
        }
        return judged(tls, &pems, problems).map(|material| (files, material));
    }
    let material = TlsMaterial::read(&pems).ok()?;
    Some((files, material))
}

fn judged(tls: &Record, pems: &TlsPems, problems: &mut Problems) -> Option<TlsMaterial> {
    let mistakes = match TlsMaterial::read(pems) {
        Ok(material) => return Some(material),
        Err(mistakes) => mistakes,
    };
    for mistake in mistakes {
        let (name, why) = match &mistake {
            TlsMistake::Ca(why) => ("ca_file", why),
            TlsMistake::Certificate(why) => ("client_certificate_file", why),
            TlsMistake::Key(why) => ("client_private_key_file", why),
        };
        if let Some(item) = tls.item(name) {
            problems.error(&item.place, item.redact(in_file(item, why)));
        }
    }
    None
}

fn in_file(item: &Item, why: &str) -> Mistake {
    let mistake = Mistake::from_message(why, "a file of PEM is needed");
    Mistake {
        message: format!("`{}`: {}", item.shown, mistake.message),
        hint: mistake.hint,
    }
}
