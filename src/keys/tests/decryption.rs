//! Decryption keys in a file that changes under the gate, as a mounted secret does.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::bench;
use crate::jose::jwe::minting;
use crate::keys::decryption::{DecryptionConfig, REREAD_INTERVAL, parse};
use crate::keys::testing::{Recorder, StandingClock};
use crate::keys::{DecryptionId, KeyLookup, Keys};

/// A folder of its own, as Kubernetes mounts it: `keys` leads through a link that is swapped.
struct Mount(PathBuf);

impl Mount {
    fn new(name: &str, text: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("claimgate-decrypt-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let mount = Self(folder);
        mount.swap(text);
        std::os::unix::fs::symlink("data/keys", mount.path()).unwrap();
        mount
    }

    fn path(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Another folder takes the place of the one that `data` leads to, at once.
    fn swap(&self, text: &str) {
        let version = self.0.join(format!("{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&version).unwrap();
        std::fs::write(version.join("keys"), text).unwrap();
        let link = self.0.join("link");
        std::os::unix::fs::symlink(&version, &link).unwrap();
        std::fs::rename(&link, self.0.join("data")).unwrap();
    }

    /// The keys of the file as they are with the configuration.
    fn keys(&self) -> Arc<Keys> {
        let text = std::fs::read(self.path()).unwrap();
        let config = DecryptionConfig {
            issuer: "one".into(),
            file: Some(self.path()),
            read: parse(&text).unwrap(),
        };
        let keys = Keys::new(
            Vec::new(),
            Arc::new(StandingClock::default()),
            Arc::new(Recorder::default()),
        );
        Arc::new(keys.with_decryption(vec![config]))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn set(kids: &[&str]) -> String {
    let keys: Vec<_> = kids
        .iter()
        .map(|kid| minting::P256.jwk(json!({"kid": kid})))
        .collect();
    json!({"keys": keys}).to_string()
}

fn kids(keys: &Keys) -> Vec<String> {
    let set = keys.decryption_keys(DecryptionId(0)).unwrap();
    let kids = set.keys.iter().map(|key| key.kid.as_deref().unwrap());
    kids.map(str::to_owned).collect()
}

fn generation(keys: &Keys) -> u64 {
    keys.decryption_keys(DecryptionId(0)).unwrap().generation
}

/// Time passes as far as the next look at the file, and that look ends.
async fn next_look() {
    tokio::time::sleep(REREAD_INTERVAL + REREAD_INTERVAL / 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_mounted_secret_rotates_and_a_bad_file_keeps_the_last_good_keys() {
    let mount = Mount::new("rotates", &set(&["old"]));
    let keys = mount.keys();
    let first = generation(&keys);
    keys.start();
    mount.swap(&set(&["new", "old"]));
    next_look().await;
    assert_eq!(kids(&keys), ["new", "old"]);
    assert_ne!(generation(&keys), first);

    let good = set(&["newer"]);
    for (bad, told) in [
        (&good[..good.len() / 2], "not an acceptable JSON object"),
        ("", "no ?PRIVATE KEY?"),
        (
            r#"{"keys":[{"kty":"LAMP"}]}"#,
            "none of the keys can be used",
        ),
    ] {
        mount.swap(bad);
        next_look().await;
        assert_eq!(kids(&keys), ["new", "old"]);
        let error = keys.decryption_status()[0].last_error.clone().unwrap();
        assert!(error.contains(told), "{error}");
    }
    mount.swap(&good);
    next_look().await;
    assert_eq!(kids(&keys), ["newer"]);
    assert_eq!(keys.decryption_status()[0].last_error, None);

    std::fs::remove_file(mount.path()).unwrap();
    next_look().await;
    assert_eq!(kids(&keys), ["newer"]);
    assert!(keys.decryption_status()[0].last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_only_written_anew_is_no_change() {
    let mount = Mount::new("same", &set(&["a"]));
    let keys = mount.keys();
    let first = generation(&keys);
    keys.start();
    for text in [set(&["a"]), format!(" {}\n", set(&["a"]))] {
        mount.swap(&text);
        next_look().await;
        assert_eq!(generation(&keys), first);
    }
    // The same key under another name is a change: tokens name it.
    mount.swap(&set(&["b"]));
    next_look().await;
    assert_ne!(generation(&keys), first);
}

#[tokio::test(start_paused = true)]
async fn stopped_keys_are_read_no_more() {
    let mount = Mount::new("stopped", &set(&["a"]));
    let keys = mount.keys();
    keys.start();
    keys.stop();
    mount.swap(&set(&["b"]));
    next_look().await;
    assert_eq!(kids(&keys), ["a"]);
}

#[test]
fn what_is_shown_of_decryption_keys_is_no_secret() {
    let mount = Mount::new("shown", &set(&["a"]));
    let status = mount.keys().decryption_status();
    let private = minting::P256.jwk(json!({}));
    let shown = format!("{status:?}");
    assert!(shown.contains("ECDH-ES+A256KW"), "{shown}");
    assert!(!shown.contains(private["d"].as_str().unwrap()), "{shown}");
    assert_eq!(status[0].keys.len(), 1);
    assert_eq!(status[0].origin, mount.path().display().to_string());
}

#[test]
fn an_issuer_without_decryption_has_no_keys() {
    let bench = bench(Vec::new());
    assert!(bench.keys.decryption_keys(DecryptionId(0)).is_none());
}
