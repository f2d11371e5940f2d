//! An application of threads that mostly sleep.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// An application that says `ok`; its port.
pub fn application() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || serve(socket));
        }
    });
    port
}

fn serve(socket: TcpStream) {
    socket.set_nodelay(true).unwrap();
    let mut socket = BufReader::new(socket);
    let mut line = Vec::new();
    loop {
        line.clear();
        match socket.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == b"\r\n" => {}
            Ok(_) => continue,
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
        if socket.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}
