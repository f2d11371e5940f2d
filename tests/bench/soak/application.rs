//! An application that answers with the identity it was told; `/slow` takes 50 ms.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const SLOW: Duration = Duration::from_millis(50);

/// Its port.
pub fn start() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || serve(socket));
        }
    });
    port
}

fn serve(socket: TcpStream) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    loop {
        let (mut subject, mut length, mut slow) = (String::new(), 0, false);
        loop {
            line.clear();
            if socket.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            slow |= line.starts_with("GET /slow ");
            match line.trim_end().split_once(": ") {
                Some(("X-Auth-Subject", value)) => subject = value.to_owned(),
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                _ => {}
            }
        }
        std::io::copy(&mut (&mut socket).take(length), &mut std::io::sink()).ok()?;
        if slow {
            std::thread::sleep(SLOW);
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{subject}",
            subject.len()
        );
        socket.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}
