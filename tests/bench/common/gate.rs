//! The release binary as a process, with its access log going nowhere.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{eventually, free_port, listens, request, resident_kib, scratch};

pub struct Gate {
    pub port: u16,
    pub admin: u16,
    file: PathBuf,
    head: String,
    process: Child,
}

/// What a process has used.
#[derive(Clone)]
pub struct Spent {
    pub cpu: Duration,
    pub resident_kib: u64,
}

impl Gate {
    /// Starts with one issuer, `test`, of audience `api`; `more` is appended to the configuration.
    pub fn start(issuer: &str, application: u16, more: &str) -> Self {
        Self::with_keys("", issuer, application, more)
    }

    /// As [`Self::start`]; `keys` is a member `keys: {...}` of the issuer.
    pub fn with_keys(keys: &str, issuer: &str, application: u16, more: &str) -> Self {
        let (port, admin) = (free_port(), free_port());
        let file = scratch("yaml");
        let head = format!(
            "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nupstream: http://127.0.0.1:{application}\n\
             issuers:\n  - {{name: test, provider: oidc, issuer: {issuer}, audiences: [api], {keys}}}\n"
        );
        std::fs::write(&file, format!("{head}{more}")).unwrap();
        // Another build, to compare with.
        let binary = std::env::var_os("CLAIMGATE_BIN");
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_claimgate").into());
        let process = Command::new(binary)
            .args(["run", "--config", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let gate = Self {
            port,
            admin,
            file,
            head,
            process,
        };
        eventually("readiness", || {
            (listens(admin) && request(admin, "GET /readyz", None, "").status == 200).then_some(())
        });
        gate
    }

    /// Gives it another configuration: the same, with this appended.
    pub fn reload(&self, more: &str) {
        std::fs::write(&self.file, format!("{}{more}", self.head)).unwrap();
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success(), "the gate is gone");
    }

    /// The sum of the series of a metric.
    pub fn metric(&self, name: &str) -> f64 {
        let page = request(self.admin, "GET /metrics", None, "").body;
        let text = String::from_utf8(page).unwrap();
        text.lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Open file descriptors.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.id());
        std::fs::read_dir(folder).unwrap().count()
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
