//! The release binary as a process, with its access log going nowhere.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{eventually, free_port, listens, request, resident_kib, scratch};

pub struct Gate {
    pub port: u16,
    process: Child,
}

/// What a process has used.
#[derive(Clone)]
pub struct Spent {
    pub cpu: Duration,
    pub resident_kib: u64,
}

impl Gate {
    pub fn start(issuer: &str, application: u16) -> Self {
        let (port, admin) = (free_port(), free_port());
        let file = scratch("yaml");
        let configuration = format!(
            "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nupstream: http://127.0.0.1:{application}\n\
             issuers:\n  - {{name: test, provider: oidc, issuer: {issuer}, audiences: [api]}}\n"
        );
        std::fs::write(&file, configuration).unwrap();
        // Another build, to compare with.
        let binary = std::env::var_os("CLAIMGATE_BIN");
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_claimgate").into());
        let process = Command::new(binary)
            .args(["run", "--config", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let gate = Self { port, process };
        eventually("readiness", || {
            (listens(admin) && request(admin, "GET /readyz", None, "").status == 200).then_some(())
        });
        gate
    }

    pub fn spent(&self) -> Spent {
        Spent {
            cpu: cpu(self.process.id()),
            resident_kib: resident_kib(self.process.id()),
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Spent {
    /// The time since `before`, and the memory now.
    pub fn since(mut self, before: &Self) -> Self {
        self.cpu -= before.cpu;
        self
    }
}

/// User and system time of all threads (Linux, proc_pid_stat(5): in hundredths of a second).
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold spaces; after its bracket comes the third field.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |number: usize| fields[number - 3].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(14) + ticks(15)))
}
