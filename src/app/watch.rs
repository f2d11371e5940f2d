//! Whether the configuration's files have changed: looked at every few seconds, by content. A mounted ConfigMap is swapped by a symbolic link, which
//! notification of changes misses; content is the same however it is put there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::time::Instant;

use super::reload::Reloaded;
use crate::config::{self, LoadOptions, MAX_FILE_BYTES};

/// Between two looks. A change is taken at the second one that sees it: 5 to 10 s later, while Kubernetes itself takes a minute to bring it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A good configuration whose new issuer had no keys is tried again so much later, unchanged: nobody else would.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// What a configuration's files held at one time, by digest: the file itself, and those that are read with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen([u8; 32]);

/// Looks at a configuration's files. What cannot be read is part of what is seen.
pub fn look(file: &Path) -> Seen {
    let mut seen = Context::new(&SHA256);
    let text = read(file);
    note(&mut seen, &text);
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    for named in config::files_named_in(&text, &LoadOptions::default()) {
        note(&mut seen, &read(&named));
    }
    let digest = seen.finish();
    Seen(digest.as_ref().try_into().unwrap_or_default())
}

/// With its length, so that no two files together look like two others.
fn note(seen: &mut Context, content: &io::Result<Vec<u8>>) {
    match content {
        Ok(content) => {
            seen.update(&(content.len() as u64).to_be_bytes());
            seen.update(content);
        }
        Err(error) => seen.update(error.kind().to_string().as_bytes()),
    }
}

/// A pipe is left alone: it can be read once, and was.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut content = Vec::new();
    File::open(file)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut content)?;
    Ok(content)
}

/// Remembers what was loaded, or refused, so that each content is tried once.
pub(super) struct Watch {
    file: PathBuf,
    tried: Seen,
    before: Seen,
    again: Option<Instant>,
}

impl Watch {
    /// `seen`: what the configuration in use was read from.
    pub(super) fn new(file: PathBuf, seen: Seen) -> Self {
        Self {
            file,
            tried: seen,
            before: seen,
            again: None,
        }
    }

    /// Waits until there is something to try. May be dropped at any time.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(now) = self.look().await else {
                continue;
            };
            if self.is_to_be_tried(now) {
                tracing::info!(
                    file = %self.file.display(),
                    "the configuration file, or one that it names, is read again"
                );
                return;
            }
        }
    }

    /// Somebody else asked for a reload: what is there now counts as tried.
    pub(super) async fn take_note(&mut self) {
        if let Some(now) = self.look().await {
            self.tried = now;
        }
        self.again = None;
    }

    pub(super) fn learn(&mut self, reloaded: Reloaded) {
        self.again = match reloaded {
            Reloaded::WithoutKeys => Some(Instant::now() + TRY_AGAIN),
            Reloaded::InUse | Reloaded::Refused => None,
        };
    }

    /// Other content than was tried last, and the same in two looks: what is still being written is not taken.
    fn is_to_be_tried(&mut self, now: Seen) -> bool {
        let settled = std::mem::replace(&mut self.before, now) == now;
        let due = self.again.is_some_and(|again| again <= Instant::now());
        let to_be_tried = settled && (now != self.tried || due);
        if to_be_tried {
            self.tried = now;
            self.again = None;
        }
        to_be_tried
    }

    /// Off this thread, which has keys to fetch: a mount may hang.
    async fn look(&self) -> Option<Seen> {
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || look(&file)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn seen(byte: u8) -> Seen {
        Seen([byte; 32])
    }

    fn watch() -> Watch {
        Watch::new(PathBuf::new(), seen(1))
    }

    /// Which of these looks, one after the other, make a reload.
    fn reloads(watch: &mut Watch, looks: &[u8]) -> Vec<usize> {
        let looks = looks.iter().enumerate();
        looks
            .filter(|(_, byte)| watch.is_to_be_tried(seen(**byte)))
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn each_content_is_tried_once_and_not_before_it_stood_still() {
        for (looks, expected) in [
            (&[1, 1, 1][..], &[][..]),
            (&[2, 2, 2, 2], &[1]),
            // Still being written.
            (&[2, 3, 4, 4], &[3]),
            // Away for a moment, as in a swap.
            (&[9, 1, 1], &[]),
            // Back to what was in use: it is tried again, so that the metric says so.
            (&[2, 2, 1, 1], &[1, 3]),
            (&[2, 3, 2, 3], &[]),
        ] {
            assert_eq!(reloads(&mut watch(), looks), expected, "{looks:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_lacked_keys_is_tried_again_after_a_while_and_what_was_refused_is_not() {
        let mut watch = watch();
        assert_eq!(reloads(&mut watch, &[2, 2]), [1]);
        watch.learn(Reloaded::Refused);
        tokio::time::advance(TRY_AGAIN).await;
        assert!(reloads(&mut watch, &[2, 2]).is_empty());
        watch.learn(Reloaded::WithoutKeys);
        assert!(reloads(&mut watch, &[2, 2]).is_empty());
        tokio::time::advance(TRY_AGAIN).await;
        assert_eq!(reloads(&mut watch, &[2, 2]), [0]);
    }

    /// As kubelet does it: `..data` leads to a folder, and is renamed over.
    struct Mount(PathBuf);

    impl Mount {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("claimgate-{}-{name}", std::process::id()));
            fs::create_dir(&folder).unwrap();
            for file in ["gate.yaml", "secret"] {
                symlink(Path::new("..data").join(file), folder.join(file)).unwrap();
            }
            Self(folder)
        }

        fn swap(&self, version: &str, yaml: &str, secret: &str) {
            let folder = self.0.join(version);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("gate.yaml"), yaml).unwrap();
            fs::write(folder.join("secret"), secret).unwrap();
            let next = self.0.join("..data_tmp");
            symlink(version, &next).unwrap();
            fs::rename(next, self.0.join("..data")).unwrap();
        }

        fn seen(&self) -> Seen {
            look(&self.0.join("gate.yaml"))
        }
    }

    impl Drop for Mount {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_swapped_link_is_seen_in_the_file_and_in_those_that_it_names() {
        let mount = Mount::new("mount");
        let secret = mount.0.join("secret");
        let yaml = format!(
            "issuers: [{{provider: oidc, issuer: 'urn:x', audiences: [a], keys: {{secret_file: '{}'}}}}]\n",
            secret.display()
        );
        mount.swap("..1", &yaml, "one");
        let first = mount.seen();
        mount.swap("..2", &yaml, "one");
        assert_eq!(mount.seen(), first, "the same content in another folder");
        mount.swap("..3", &yaml, "two");
        let second = mount.seen();
        assert_ne!(second, first);
        mount.swap("..4", &format!("{yaml}# a word\n"), "two");
        assert_ne!(mount.seen(), second);
        fs::remove_file(mount.0.join("..4/secret")).unwrap();
        let gone = mount.seen();
        fs::remove_file(mount.0.join("..4/gate.yaml")).unwrap();
        assert_ne!(mount.seen(), gone);
        assert_eq!(mount.seen(), look(Path::new("/nonexistent")));
    }

    #[test]
    fn a_directory_or_a_pipe_is_not_read() {
        assert_eq!(look(Path::new("/")), look(&std::env::temp_dir()));
    }
}
