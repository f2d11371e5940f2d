//! What a visitor of the demo is shown: requests that really go through the gate, then the same ones as lines for their own shell.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::Addresses;
use super::issuer::{DemoIssuer, KINDS};
use crate::cli::output::print;

/// How often readiness is asked for, and for how long: the keys come from loopback.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// Waits for the gate and shows it around.
pub(super) fn guide(addresses: &Addresses, issuer: &DemoIssuer, config: Option<&Path>) {
    match wait_until_ready(addresses.admin).and_then(|()| requests(addresses.gate, issuer)) {
        Ok(shown) => print(&format!(
            "{}{shown}{}",
            introduction(addresses),
            invitation(addresses, config)
        )),
        Err(error) => print(&format!("the demo's own requests failed: {error}\n")),
    }
}

fn introduction(addresses: &Addresses) -> String {
    let Addresses {
        gate,
        admin,
        issuer,
        application,
    } = addresses;
    format!(
        "a gate on {gate} (admin {admin}), an application behind it on {application}, an issuer on {issuer}\n\n"
    )
}

/// One request of each kind, with what became of it.
fn requests(gate: SocketAddr, issuer: &DemoIssuer) -> io::Result<String> {
    let mut text = String::new();
    let missing = ask(gate, "/", None)?;
    text.push_str(&format!("no token:             {}\n", outcome(&missing)));
    for (kind, _) in KINDS {
        let answer = ask(gate, "/", Some(&issuer.token(kind)?))?;
        text.push_str(&format!(
            "{:<21} {}\n",
            format!("{kind} token:"),
            outcome(&answer)
        ));
    }
    let answer = ask(gate, "/hello", Some(&issuer.token("valid")?))?;
    text.push_str(&format!(
        "\nand with the valid one, although the client also sent `X-Auth-Subject: root`,\n{}\n",
        answer.body.trim_end()
    ));
    Ok(text)
}

fn invitation(addresses: &Addresses, config: Option<&Path>) -> String {
    let Addresses {
        gate,
        admin,
        issuer,
        ..
    } = addresses;
    let mut text = String::from("\nyour turn (the gate runs until Ctrl-C):\n");
    text.push_str(&format!(
        "\n# refused: missing_token\ncurl -i http://{gate}/\n"
    ));
    for (kind, expected) in KINDS {
        text.push_str(&format!("\n# {expected}\ncurl -i -H \"Authorization: Bearer $(curl -s 'http://{issuer}/token?kind={kind}')\" http://{gate}/\n"));
    }
    text.push_str(&format!("\n# rotation: the issuer changes its key at once, and the next valid token is forwarded all the same\ncurl -i -X POST http://{issuer}/rotate\n"));
    text.push_str(&format!("curl -i -H \"Authorization: Bearer $(curl -s 'http://{issuer}/token?kind=valid')\" http://{gate}/\n"));
    text.push_str(&format!("\n# what the gate knows of its issuers, and its metrics\ncurl -s http://{admin}/issuers\ncurl -s http://{admin}/metrics\n"));
    if let Some(file) = config {
        text.push_str(&format!("\n# why was that one refused? (in another shell)\nclaimgate explain --config {} \"$(curl -s 'http://{issuer}/token?kind=expired')\"\n", file.display()));
    }
    text
}

struct Answer {
    status: String,
    reason: Option<String>,
    body: String,
}

fn outcome(answer: &Answer) -> String {
    match &answer.reason {
        Some(reason) => format!("{} {reason}", answer.status),
        None => format!("{} forwarded", answer.status),
    }
}

fn wait_until_ready(admin: SocketAddr) -> io::Result<()> {
    for _ in 0..TRIES {
        if ask(admin, "/readyz", None).is_ok_and(|answer| answer.status == "200") {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        format!("`http://{admin}/readyz` is not 200"),
    ))
}

/// One request on a connection of its own; with a token, also with a forged identity header.
fn ask(address: SocketAddr, path: &str, token: Option<&str>) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let credentials = token
        .map(|token| format!("Authorization: Bearer {token}\r\nX-Auth-Subject: root\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{credentials}\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    Ok(Answer {
        status: head.split(' ').nth(1).unwrap_or("?").to_owned(),
        reason: problem.and_then(|problem| problem.get("reason")?.as_str().map(str::to_owned)),
        body: body.to_owned(),
    })
}
