//! `claimgate run` as a process.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Application, Issuer, eventually, free_port, listens, request};

pub struct Gate {
    pub port: u16,
    pub admin: u16,
    pub file: PathBuf,
    log: PathBuf,
    process: Child,
}

/// The usual configuration: one issuer, audience `api`, a second between refetches. `more` is appended.
pub fn configuration(issuer: &Issuer, application: &Application, more: &str) -> String {
    format!(
        "upstream: http://127.0.0.1:{}\nissuers:\n  - name: test\n    provider: oidc\n    issuer: {}\n    audiences: [api]\n    keys: {{refetch_interval: 1s}}\n{more}",
        application.port, issuer.url
    )
}

/// Runs a command to its end.
pub fn claimgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claimgate"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

impl Gate {
    /// Starts with this configuration and waits until it is ready.
    pub fn start(configuration: &str) -> Self {
        Self::start_in(&[], configuration)
    }

    /// As [`Self::start`], with these variables added to the environment.
    pub fn start_in(environment: &[(&str, &str)], configuration: &str) -> Self {
        let gate = Self::spawn(environment, configuration).that_listens();
        eventually("readiness", || {
            (gate.admin("/readyz").0 == 200).then_some(())
        });
        gate
    }

    /// Waits only until the listeners answer.
    pub fn start_unready(configuration: &str) -> Self {
        Self::spawn(&[], configuration).that_listens()
    }

    fn that_listens(mut self) -> Self {
        eventually("the admin listener", || {
            assert!(self.is_alive(), "the gate did not start: {}", self.log());
            (listens(self.admin) && listens(self.port)).then_some(())
        });
        self
    }

    /// Waits for nothing.
    pub fn spawn(environment: &[(&str, &str)], configuration: &str) -> Self {
        let launch = Launch {
            environment,
            ..Launch::default()
        };
        launch.spawn(configuration)
    }

    /// Status and body of an admin page.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let answer = request(self.admin, &format!("GET {path}"), None, "");
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    /// The sum of all series of a metric whose labels contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self.admin("/metrics").1;
        text.lines()
            .filter(|line| {
                !line.starts_with('#')
                    && line.split(['{', ' ']).next() == Some(name)
                    && line.contains(labels)
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// A signal by its name, as kill(1) takes it.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end of the process: its exit code, none after a signal that killed it.
    pub fn exit_code(&mut self) -> Option<i32> {
        eventually("the end", || self.process.try_wait().unwrap()).code()
    }

    /// How many files and sockets the process has open (Linux).
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Its standard output, when that is a pipe.
    pub fn output(&mut self) -> ChildStdout {
        self.process.stdout.take().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// What was logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// How a gate is started, where that is not the usual way.
#[derive(Default)]
pub struct Launch<'l> {
    pub environment: &'l [(&'l str, &'l str)],
    /// A command that runs the gate in its own place: `prlimit --nofile=256`.
    pub through: &'l [&'l str],
    /// Standard output is a pipe that nobody reads, until [`Gate::output`] is.
    pub piped: bool,
    /// The two ports of a gate that was there before.
    pub ports: Option<(u16, u16)>,
}

impl Launch<'_> {
    /// Starts with this configuration and waits until it is ready.
    pub fn start(&self, configuration: &str) -> Gate {
        let gate = self.spawn(configuration).that_listens();
        eventually("readiness", || {
            (gate.admin("/readyz").0 == 200).then_some(())
        });
        gate
    }

    fn spawn(&self, configuration: &str) -> Gate {
        let (port, admin) = self.ports.unwrap_or_else(|| (free_port(), free_port()));
        let file = scratch("yaml");
        let log = scratch("log");
        std::fs::write(
            &file,
            format!("listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\n{configuration}"),
        )
        .unwrap();
        let out = File::create(&log).unwrap();
        let binary = env!("CARGO_BIN_EXE_claimgate");
        let words: Vec<&str> = self.through.iter().copied().chain([binary]).collect();
        let stdout = if self.piped {
            Stdio::piped()
        } else {
            out.try_clone().unwrap().into()
        };
        let process = Command::new(words[0])
            .args(&words[1..])
            .args(["run", "--config", file.to_str().unwrap()])
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(out)
            .spawn()
            .unwrap();
        Gate {
            port,
            admin,
            file,
            log,
            process,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A file name of this test run's own.
pub fn scratch(extension: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!(
        "{}-{}.{extension}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    ))
}

/// What a process holds in memory, in KiB (Linux).
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.unwrap().split_whitespace().next();
    words.unwrap().parse().unwrap()
}
