//! A new connection to the application: names are looked up every time, so that a changed address is found.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::uri::Authority;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::proxy::client::listen::KEEPALIVE;

/// `http`, RFC 9110 §4.2.1.
const DEFAULT_PORT: u16 = 80;

/// Tries every address in its order until one answers, all within `limit`: an address that swallows packets may not take the time of the others.
///
/// # Errors
/// Why the last one failed, for the log.
pub(in crate::proxy) async fn connect(
    authority: &Authority,
    limit: Duration,
) -> Result<TcpStream, String> {
    let deadline = Instant::now() + limit;
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(DEFAULT_PORT);
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => timeout_at(deadline, tokio::net::lookup_host((host, port)))
            .await
            .map_err(|_| format!("no answer from the name service for `{host}` in {limit:?}"))?
            .map_err(|error| format!("cannot look up `{host}`: {error}"))?
            .collect(),
    };
    let mut why = format!("`{host}` has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / left.max(1);
        left = left.saturating_sub(1);
        match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Heads and small bodies must not wait for acknowledgements.
                let _ = stream.set_nodelay(true);
                let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE);
                return Ok(stream);
            }
            Ok(Err(error)) => why = failed(&address, &error),
            Err(_) => why = failed(&address, &format_args!("no answer in {share:?}")),
        }
    }
    Err(why)
}

fn failed(address: &SocketAddr, error: &dyn fmt::Display) -> String {
    format!("cannot connect to {address}: {error}")
}
