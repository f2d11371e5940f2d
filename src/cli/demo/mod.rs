//! `claimgate demo`: a throw-away issuer, an application that shows what it got, and the real gate between them, in one process and without a network.
//!
//! The gate is the one of `claimgate run`: its configuration is written as a file, read and checked as any other.

mod application;
mod issuer;
mod key;
mod server;
mod tour;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use self::issuer::{AUDIENCE, DemoIssuer};
use super::FAILURE;
use super::output::complain;

/// Taken when they are free, so that the printed lines look like those of the documentation.
const GATE_PORT: u16 = 8080;
const ADMIN_PORT: u16 = 9464;
const ISSUER_PORT: u16 = 8081;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Keep the demo's configuration as DIR/claimgate.yaml, for `claimgate explain` and your own changes
    #[arg(long, value_name = "DIR")]
    write_config: Option<PathBuf>,
}

/// Where everything listens.
struct Addresses {
    gate: SocketAddr,
    admin: SocketAddr,
    issuer: SocketAddr,
    application: SocketAddr,
}

pub(super) fn demo(arguments: &Arguments) -> u8 {
    match set_up(arguments) {
        Ok(file) => {
            // From here on it is `claimgate run`.
            let exit = super::run::serve(file.clone());
            if arguments.write_config.is_none() {
                // A file of ours in the temporary folder: gone is all we want.
                let _gone = std::fs::remove_file(&file);
            }
            exit
        }
        Err(error) => {
            complain(&format!(
                "claimgate: error: the demo cannot start: {error}\n"
            ));
            FAILURE
        }
    }
}

/// Starts issuer, application and tour, and writes the configuration.
fn set_up(arguments: &Arguments) -> io::Result<PathBuf> {
    let (issuer_listener, application_listener) = (bind(ISSUER_PORT)?, bind(0)?);
    let addresses = Addresses {
        gate: free(GATE_PORT)?,
        admin: free(ADMIN_PORT)?,
        issuer: issuer_listener.local_addr()?,
        application: application_listener.local_addr()?,
    };
    let issuer = Arc::new(DemoIssuer::new(issuer_url(addresses.issuer))?);
    let served = Arc::clone(&issuer);
    serve(
        issuer_listener,
        application_listener,
        Arc::new(move |request: &_| served.answer(request)),
    )?;
    let file = write(
        &configuration(&addresses),
        arguments.write_config.as_deref(),
    )?;
    let shown = arguments.write_config.is_some().then(|| file.clone());
    thread::Builder::new()
        .name("tour".to_owned())
        .spawn(move || tour::guide(&addresses, &issuer, shown.as_deref()))?;
    Ok(file)
}

fn configuration(addresses: &Addresses) -> String {
    let Addresses {
        gate,
        admin,
        issuer,
        application,
    } = addresses;
    let issuer = issuer_url(*issuer);
    format!(
        "# Written by `claimgate demo`. Its issuer lives as long as the demo.\n\
         listen: {gate}\n\
         admin: {admin}\n\
         upstream: http://{application}\n\
         issuers:\n\
         \x20 - name: demo\n\
         \x20   provider: oidc\n\
         \x20   issuer: {issuer}\n\
         \x20   audiences: [{AUDIENCE}]\n\
         \x20   keys: {{refetch_interval: 1s}}\n\
         log: {{level: warn, access: off}}\n\
         shutdown: {{drain_timeout: 1s}}\n"
    )
}

fn issuer_url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

fn write(text: &str, folder: Option<&Path>) -> io::Result<PathBuf> {
    let file = match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            folder.join("claimgate.yaml")
        }
        None => std::env::temp_dir().join(format!("claimgate-demo-{}.yaml", std::process::id())),
    };
    std::fs::write(&file, text)?;
    Ok(file)
}

/// Issuer and application on a runtime and thread of their own: the gate has the main thread, as always.
fn serve(issuer: TcpListener, application: TcpListener, answer: server::Answer) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("demo".to_owned())
        .spawn(move || {
            let ended = runtime.block_on(async {
                tokio::try_join!(
                    server::serve(issuer, answer),
                    server::serve(application, Arc::new(application::echo))
                )
            });
            if let Err(error) = ended {
                complain(&format!(
                    "claimgate: error: the demo's peers ended: {error}\n"
                ));
            }
        })?;
    Ok(())
}

/// The port that is wanted, or any.
fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

/// An address that the gate will find free: it binds it itself.
fn free(port: u16) -> io::Result<SocketAddr> {
    bind(port)?.local_addr()
}
