//! The gate as a process whose instructions are counted.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::common::{Connection, application};
use crate::harness::{eventually, scratch};
use crate::requests::Case;

/// Instructions of a gate that starts and answers these requests one after another on one connection.
pub fn count(binary: &Path, configuration: &str, cases: &[Case]) -> i64 {
    let gate = Counted::start(binary, configuration);
    let mut connection = Connection::open(gate.port);
    for case in cases {
        connection.send(&case.request);
        let answer = connection.answer();
        assert!(
            case.is_answered_by(answer),
            "{} instead of the answer that is counted",
            answer.0
        );
    }
    gate.end()
}

/// Long after what a request leaves to do.
const SETTLED: Duration = Duration::from_millis(100);

struct Counted {
    port: u16,
    counts: PathBuf,
    process: Child,
}

impl Counted {
    fn start(binary: &Path, configuration: &str) -> Self {
        let (port, admin, application) = (free_port(), free_port(), application());
        let (file, counts) = (scratch("yaml"), scratch("cachegrind"));
        // One worker serves whatever comes: with two, the connection's would be one of them by chance.
        let text = format!(
            "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nworkers: 1\nupstream: http://127.0.0.1:{application}\n{configuration}"
        );
        std::fs::write(&file, text).unwrap();
        let process = Command::new("valgrind")
            .args(["--tool=cachegrind", "--cache-sim=no", "--quiet"])
            .arg(format!("--cachegrind-out-file={}", counts.display()))
            // It warns of the machine's caches although it simulates none.
            .arg(format!("--log-file={}", scratch("log").display()))
            .arg(binary)
            .args(["run", "--config", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Whoever asks the gate whether it is ready is counted too.
        eventually("the listener", || is_listened_on(port).then_some(()));
        Self {
            port,
            counts,
            process,
        }
    }

    /// Ends it by a signal that it does not know: giving back what it remembers is no part of a request, and costs now more, now less.
    fn end(mut self) -> i64 {
        // The last answer was read before the gate was done with it.
        std::thread::sleep(SETTLED);
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "USR1", &pid]).status();
        assert!(sent.unwrap().success(), "the gate is gone");
        let ended = eventually("the end", || self.process.try_wait().unwrap());
        assert!(ended.signal().is_some(), "the gate ended with {ended}");
        let text = std::fs::read_to_string(&self.counts).unwrap();
        let last = text.lines().last().unwrap();
        last.strip_prefix("summary: ").unwrap().parse().unwrap()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Without a connection to it (Linux, proc_pid_net(5): the local address is the second word, the state the fourth; 0A is LISTEN).
fn is_listened_on(port: u16) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let address = format!("0100007F:{port:04X}");
    sockets.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words[1] == address && words[3] == "0A"
    })
}

/// A gate under valgrind takes a second until it listens. So long nobody else gets this port: it is below those that the system gives
/// to connections (ip(7), ip_local_port_range), and each is given out once.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 8_000).unwrap();
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::SeqCst);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
