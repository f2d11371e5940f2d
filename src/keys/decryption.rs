//! The gate's own private keys, which open encrypted tokens: from a file that is read again while the gate runs, so that a mounted secret
//! can rotate, or from the environment.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;

use super::fetch::{FetchLimits, printable};
use super::read;
use crate::jose::jwe::jwk::{self, ReadDecryptionKeys, UnusableKey};
use crate::jose::jwe::{DecryptionKey, pem};

/// Between two looks at a key file: Kubernetes itself takes a minute to bring a changed secret into a pod.
pub const REREAD_INTERVAL: Duration = Duration::from_secs(10);

/// Index of a decryption key file in [`super::Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecryptionId(pub usize);

/// The keys that one issuer's tokens are opened with, at one time.
#[derive(Debug)]
pub struct DecryptionKeySet {
    /// Another one for every set that was ever made in this process.
    pub generation: u64,
    pub keys: Vec<Arc<DecryptionKey>>,
}

impl DecryptionKeySet {
    pub fn new(keys: Vec<DecryptionKey>) -> Self {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            keys: keys.into_iter().map(Arc::new).collect(),
        }
    }
}

/// One issuer's decryption keys, from configuration. Its Debug shows none of them.
#[derive(Debug)]
pub struct DecryptionConfig {
    /// The issuer's configured name.
    pub issuer: Arc<str>,
    /// Read again from here; none: from the environment, and never read again.
    pub file: Option<PathBuf>,
    /// What was read with the configuration.
    pub read: ReadDecryptionKeys,
}

/// Reads a JWK set (or one JWK), or PEM: whichever it is. The error says why it is neither, and never shows the text.
pub fn parse(text: &[u8]) -> Result<ReadDecryptionKeys, String> {
    match text.trim_ascii_start().first() {
        Some(b'{') => jwk::read(text).map_err(|error| error.0),
        _ => pem::read(text).map_err(|error| error.0),
    }
}

/// For the log and for `/issuers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptionStatus {
    pub issuer: Arc<str>,
    /// The path, or `environment`.
    pub origin: String,
    /// The kids, where keys have one, with the algorithms by their names.
    pub keys: Vec<(Option<Box<str>>, Vec<&'static str>)>,
    pub skipped: Vec<UnusableKey>,
    pub last_error: Option<String>,
    /// Changes with every change of the keys.
    pub generation: u64,
}

/// One issuer's decryption keys at work.
pub(super) struct DecryptionSource {
    issuer: Arc<str>,
    file: Option<PathBuf>,
    /// What requests read: swapped whole, never locked.
    held: ArcSwap<DecryptionKeySet>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// SHA-256 of the file as it was read last: the secret itself is not kept.
    content: Option<[u8; 32]>,
    skipped: Vec<UnusableKey>,
    last_error: Option<String>,
}

impl DecryptionSource {
    pub fn new(config: DecryptionConfig) -> Self {
        Self {
            issuer: config.issuer,
            file: config.file,
            held: ArcSwap::from_pointee(DecryptionKeySet::new(config.read.keys)),
            state: Mutex::new(State {
                skipped: config.read.skipped,
                ..State::default()
            }),
        }
    }

    pub fn keys(&self) -> Arc<DecryptionKeySet> {
        self.held.load_full()
    }

    pub fn can_change(&self) -> bool {
        self.file.is_some()
    }

    pub fn status(&self) -> DecryptionStatus {
        let held = self.keys();
        let state = self.state();
        DecryptionStatus {
            issuer: Arc::clone(&self.issuer),
            origin: match &self.file {
                Some(file) => file.display().to_string(),
                None => "environment".to_owned(),
            },
            keys: held
                .keys
                .iter()
                .map(|key| {
                    let algorithms = key.algorithms().map(|a| a.name()).collect();
                    (key.kid.clone(), algorithms)
                })
                .collect(),
            skipped: state.skipped.clone(),
            last_error: state.last_error.clone(),
            generation: held.generation,
        }
    }

    /// Looks at the file again and again.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(REREAD_INTERVAL).await;
            self.reread().await;
        }
    }

    /// Reads the file once more. Keys are replaced by at least one key, or not at all: a file that is half written closes nothing.
    pub async fn reread(&self) {
        let Some(file) = self.file.clone() else {
            return;
        };
        let read = read::read_file(file, FetchLimits::default()).await;
        let read = read.map_err(|error| error.text);
        self.take(read);
    }

    fn take(&self, read: Result<Vec<u8>, String>) {
        let mut state = self.state();
        let outcome = read.and_then(|text| {
            let content = digest::digest(&digest::SHA256, &text);
            let content: Option<[u8; 32]> = content.as_ref().try_into().ok();
            if state.content == content {
                return Ok(());
            }
            let read = parse(&text).map_err(|why| printable(&why))?;
            if read.keys.is_empty() {
                let why = reasons(&read.skipped);
                return Err(format!("none of the keys can be used: {why}"));
            }
            state.content = content;
            state.skipped = read.skipped;
            let held = self.keys();
            if !same(&held.keys, &read.keys) {
                self.held.store(Arc::new(DecryptionKeySet::new(read.keys)));
            }
            Ok(())
        });
        state.last_error = outcome.err();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why keys are not used, each by its kid.
pub fn reasons(skipped: &[UnusableKey]) -> String {
    let reasons: Vec<String> = skipped
        .iter()
        .map(|key| {
            let kid = key.kid.as_deref().map(printable);
            let kid = kid.as_deref().unwrap_or("without `kid`");
            format!("{kid}: {}", key.reason.explanation())
        })
        .collect();
    reasons.join("; ")
}

/// What is remembered stays when the file was only written anew.
fn same(held: &[Arc<DecryptionKey>], read: &[DecryptionKey]) -> bool {
    held.len() == read.len() && held.iter().zip(read).all(|(held, read)| held.is_same(read))
}
