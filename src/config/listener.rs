//! `listen:`, where requests come in and what is asked of their connections. The files of `tls` are read at once, to find mistakes and to begin with;
//! none of them is ever shown.

use std::path::{Path, PathBuf};

use super::problem::{Mistake, Place, Problems, shown};
use super::record::{Data, Record};
use super::{LoadOptions, secret, text};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::proxy::listen::tls::{
    BadTls, ClientAuthority, ServerTls, TlsFile, TlsFiles, TlsSettings,
};
use crate::proxy::listen::{ListenAddress, ProxySenders};

/// A certificate that ends sooner is warned of: two weekends are enough to notice, and every renewal of common authorities is done by then.
pub const ENDS_SOON: i64 = 7 * 24 * 3600;
/// sockaddr_un of Linux has 108 bytes, the last of which is 0.
pub(super) const MAX_SOCKET_PATH: usize = 107;
const UNIX: &str = "unix:";

/// `listen:` of the configuration.
#[derive(Clone)]
pub struct Listen {
    pub settings: ListenSettings,
    /// What the files of `tls` hold; none without it, and where files are left unread.
    pub tls: Option<ServerTls>,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    pub address: ListenAddress,
    pub tls: Option<TlsSettings>,
    pub proxy_protocol: ProxySenders,
    /// Absent: `proxy` has a default.
    pub max_connections: Option<usize>,
}

/// `IP:port`, or `unix:` and an absolute path.
pub(super) fn address(written: &str) -> Result<ListenAddress, Mistake> {
    let Some(path) = written.strip_prefix(UNIX) else {
        text::address(written)?;
        return written.parse().map(ListenAddress::Tcp).map_err(|_| {
            Mistake::new(format!(
                "`{}` is not an address with a port",
                shown(written)
            ))
        });
    };
    let mistake = |why: &str| {
        Mistake::new(format!("`{}` cannot be listened on: {why}", shown(written)))
            .hint("write an absolute path: `unix:/run/claimgate.sock`")
    };
    if path.starts_with("//") || !path.starts_with('/') || path.ends_with('/') {
        return Err(mistake(
            "the path of a socket begins with one `/` and ends with its name",
        ));
    }
    if path.chars().any(char::is_control) {
        return Err(mistake("a control character"));
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err(mistake("the path of a socket has at most 107 bytes"));
    }
    Ok(ListenAddress::Unix(path.into()))
}

/// Whose connections begin with a PROXY header: a network, or `unix`.
pub(super) fn proxy_sender(written: &str) -> Result<(), Mistake> {
    match written {
        "unix" => Ok(()),
        network => text::network(network).map(drop),
    }
}

/// Each part reports by itself, so that one mistake does not hide another.
pub(super) fn listen(
    root: &Record,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<Listen> {
    let item = root.item("listen")?;
    let Data::Record(record) = &item.data else {
        return Some(Listen {
            settings: ListenSettings {
                address: address(item.text()?).ok()?,
                tls: None,
                proxy_protocol: ProxySenders::default(),
                max_connections: None,
            },
            tls: None,
        });
    };
    let address = record.text("address").and_then(|it| address(it).ok());
    let proxy_protocol = proxy_senders(record, address.as_ref(), problems);
    let (tls_settings, tls) = match record.record("tls") {
        Some(tls) => tls_of(tls, options, problems).map(|(settings, tls)| (Some(settings), tls))?,
        None if record.broken("tls") => return None,
        None => (None, None),
    };
    let max_connections = match record.given("max_connections") {
        true => Some(usize::try_from(record.integer("max_connections")?).ok()?),
        false => None,
    };
    Some(Listen {
        settings: ListenSettings {
            address: address?,
            tls: tls_settings,
            proxy_protocol: proxy_protocol?,
            max_connections,
        },
        tls,
    })
}

fn proxy_senders(
    record: &Record,
    address: Option<&ListenAddress>,
    problems: &mut Problems,
) -> Option<ProxySenders> {
    if record.broken("proxy_protocol") {
        return None;
    }
    let on_path = matches!(address, Some(ListenAddress::Unix(_)));
    let mut senders = ProxySenders::default();
    for item in record.items("proxy_protocol") {
        let written = item.text().unwrap_or_default();
        let is_unix = written == "unix";
        if address.is_some() && is_unix != on_path {
            let mistake = match on_path {
                true => Mistake::new(format!(
                    "`{}` names nobody: connections to a Unix socket have no address",
                    item.shown
                ))
                .hint("write `[unix]`: whoever connects to the socket must send the header"),
                false => Mistake::new("`unix` names nobody: this listener is not a Unix socket")
                    .hint("list the networks of the load balancers"),
            };
            problems.error(&item.place, mistake);
            continue;
        }
        if is_unix {
            senders.unix = true;
            continue;
        }
        let Ok(network) = text::network(written) else {
            continue;
        };
        if network.prefix_len() == 0 {
            problems.warning(
                &item.place,
                Mistake::new(format!(
                    "`{}` lets every client say what its address is",
                    item.shown
                ))
                .hint("list the networks of the load balancers only"),
            );
        }
        senders.networks.push(network);
    }
    Some(senders)
}

fn tls_of(
    record: &Record,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<(TlsSettings, Option<ServerTls>)> {
    let path = |name: &str| record.text(name).map(PathBuf::from);
    if record.given("client_certificate") && !record.given("client_ca_file") {
        problems.error(
            &record.place("client_certificate"),
            Mistake::new("`client_certificate` has no effect without `client_ca_file`")
                .hint("name the file with the roots of the clients' certificates"),
        );
        return None;
    }
    if record.has_broken() {
        return None;
    }
    let settings = TlsSettings {
        certificate_file: path("certificate_file")?,
        private_key_file: path("private_key_file")?,
        client_ca: path("client_ca_file").map(|file| ClientAuthority {
            file,
            required: record.text("client_certificate") != Some("optional"),
        }),
    };
    if !options.read_files {
        return Some((settings, None));
    }
    let mut read = |name: &'static str| {
        let item = record.item(name)?;
        match secret::read_file(item.text()?) {
            Ok(bytes) => Some(bytes),
            Err(mistake) => {
                problems.error(&item.place, item.redact(mistake));
                None
            }
        }
    };
    let (certificate, private_key) = (read("certificate_file"), read("private_key_file"));
    let client_ca = settings.client_ca.as_ref().map(|_| read("client_ca_file"));
    let files = TlsFiles {
        certificate: certificate?,
        private_key: private_key?,
        client_ca: match client_ca {
            Some(read) => Some(read?),
            None => None,
        },
    };
    match ServerTls::new(&settings, &files) {
        Ok(tls) => {
            warn_of_end(tls.not_after, &record.place("certificate_file"), problems);
            Some((settings, Some(tls)))
        }
        Err(faults) => {
            for BadTls {
                file,
                message,
                hint,
            } in faults
            {
                let place = record.place(key_of(file));
                problems.error(&place, Mistake::new(message).hint(hint));
            }
            None
        }
    }
}

fn key_of(file: TlsFile) -> &'static str {
    match file {
        TlsFile::Certificate => "certificate_file",
        TlsFile::PrivateKey => "private_key_file",
        TlsFile::ClientCa => "client_ca_file",
    }
}

/// What is to be said of a certificate that ends then; none while there is time.
pub fn end_is_near(not_after: UnixTime, now: UnixTime) -> Option<String> {
    let left = not_after.0.saturating_sub(now.0);
    if left >= ENDS_SOON {
        return None;
    }
    let end = shown_time(not_after);
    Some(match left {
        ..=0 => format!("the certificate has ended at {end}: clients refuse it"),
        _ => format!("the certificate ends at {end}"),
    })
}

/// RFC 3339; the last time there is stands for no end (RFC 5280 §4.1.2.5).
pub fn shown_time(time: UnixTime) -> String {
    jiff::Timestamp::from_second(time.0).map_or("never".to_owned(), |time| time.to_string())
}

fn warn_of_end(not_after: UnixTime, place: &Place, problems: &mut Problems) {
    if let Some(what) = end_is_near(not_after, SystemClock.now().wall) {
        problems.warning(
            place,
            Mistake::new(what).hint(
                "renew it and put it into the same file: the gate reads it again while it runs",
            ),
        );
    }
}

/// The files of `tls`, as they are now.
///
/// # Errors
/// One of them cannot be read.
pub fn read_tls_files(settings: &TlsSettings) -> Result<TlsFiles, String> {
    let read = |path: &Path| {
        // To open a pipe would wait for its other end.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(format!("`{}` is not a regular file", path.display()));
        }
        secret::read_file(&path.display().to_string()).map_err(|mistake| mistake.message)
    };
    Ok(TlsFiles {
        certificate: read(&settings.certificate_file)?,
        private_key: read(&settings.private_key_file)?,
        client_ca: match &settings.client_ca {
            Some(authority) => Some(read(&authority.file)?),
            None => None,
        },
    })
}
