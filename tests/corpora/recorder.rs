//! An application that records every request that it reads, and reads as one of two readers does.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::{lenient, strict};

/// What comes from the gate.
pub type Source = BufReader<TcpStream>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Strict,
    Lenient,
}

/// One request, from its head on.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub head: Vec<u8>,
    /// Its body came to its end.
    pub complete: bool,
    /// What the strict reader would not have.
    pub faults: Vec<String>,
}

/// What a reader knows when the head is read.
pub struct Head {
    pub bytes: Vec<u8>,
    /// The only `X-Forwarded-For`, in any spelling.
    pub from: Option<String>,
    pub is_head: bool,
    pub body: Body,
    pub faults: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    None,
    Length(usize),
    Chunked,
}

pub struct Recorder {
    pub port: u16,
    requests: Arc<Mutex<HashMap<String, Vec<Recorded>>>>,
}

impl Recorder {
    pub fn start(reader: Reader) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(HashMap::new()));
        let recording = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let recording = Arc::clone(&recording);
                std::thread::spawn(move || serve(reader, stream, &recording));
            }
        });
        Self { port, requests }
    }

    /// What came from an address so far.
    pub fn of(&self, address: &str) -> Vec<Recorded> {
        let requests = self.requests.lock().unwrap();
        requests.get(address).cloned().unwrap_or_default()
    }

    /// Everything, with where it says that it comes from; `?` when it does not say it once.
    pub fn all(&self) -> HashMap<String, Vec<Recorded>> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    reader: Reader,
    stream: TcpStream,
    requests: &Mutex<HashMap<String, Vec<Recorded>>>,
) -> Option<()> {
    let mut answering = stream.try_clone().ok()?;
    let mut source = BufReader::new(stream);
    loop {
        let head = match reader {
            Reader::Strict => strict::head(&mut source),
            Reader::Lenient => lenient::head(&mut source),
        }?;
        let from = head.from.unwrap_or_else(|| "?".to_owned());
        let number = {
            let mut requests = requests.lock().unwrap();
            let of_address = requests.entry(from.clone()).or_default();
            of_address.push(Recorded {
                head: head.bytes,
                complete: false,
                faults: head.faults,
            });
            of_address.len() - 1
        };
        let ended = match reader {
            Reader::Strict => strict::body(&mut source, head.body),
            Reader::Lenient => lenient::body(&mut source, head.body),
        };
        let mut requests = requests.lock().unwrap();
        let recorded = &mut requests.get_mut(&from).unwrap()[number];
        match ended {
            Ok(()) => recorded.complete = true,
            Err(Some(fault)) => {
                recorded.faults.push(fault);
                return None;
            }
            // The gate cut it off.
            Err(None) => return None,
        }
        drop(requests);
        let body = if head.is_head { "" } else { "ok\n" };
        write!(
            answering,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n{body}"
        )
        .ok()?;
    }
}

/// The next byte; none at the end.
pub fn byte(source: &mut Source) -> Option<u8> {
    let mut byte = [0];
    (source.read(&mut byte).ok()? == 1).then_some(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an application sees of these bytes when nobody stands before it: the requests, and how many faults.
    fn seen(reader: Reader, bytes: &str) -> (usize, usize) {
        let recorder = Recorder::start(reader);
        let mut stream = TcpStream::connect(("127.0.0.1", recorder.port)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Until it has read everything.
        let _answers = stream.read_to_end(&mut Vec::new());
        let all = recorder.all();
        let requests: Vec<_> = all.values().flatten().collect();
        let faults = requests.iter().map(|request| request.faults.len()).sum();
        (requests.len(), faults)
    }

    #[test]
    fn what_a_gate_must_not_pass_on_shows() {
        let evil = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n";
        for head in [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0x0 \r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\rHost: a\r\r",
            "GET /\r\n",
        ] {
            let (lenient, _) = seen(Reader::Lenient, &format!("{head}{evil}"));
            assert_eq!(lenient, 2, "{head:?}");
            let (_, faults) = seen(Reader::Strict, &format!("{head}{evil}"));
            assert!(faults > 0, "{head:?}");
        }
        assert_eq!(seen(Reader::Strict, &format!("{evil}{evil}")), (2, 0));
    }
}
