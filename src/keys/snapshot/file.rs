//! Snapshots on disk: read with suspicion, written whole or not at all. Every call blocks for as long as the disk does.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Ignored, MAX_BYTES};
use crate::keys::connect::plain;

/// Reads the file; none when there is none.
///
/// Only a regular file of this user's (or root's) that not everybody may write. The directory may be anybody's to write, as Kubernetes makes
/// an `emptyDir`: who is not this user can put no file of this user's there. The group may write the file, because a volume with `fsGroup` is
/// changed to that at each mount.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Ignored> {
    let unreadable =
        |error: io::Error| Ignored::Unreadable(format!("it cannot be read: {}", plain(&error)));
    // Before it is opened: to open a pipe would wait for its other end. And not followed: a link leads to what somebody else chose.
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    check(&found, own_user()).map_err(Ignored::Unreadable)?;
    let file = File::open(path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    if (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
        return Err(Ignored::Unreadable(
            "it was replaced while it was opened".to_owned(),
        ));
    }
    let mut bytes = Vec::new();
    // One byte more than there may be, should it grow meanwhile: then the digest is wrong.
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(Some(bytes))
}

/// Puts a whole new file in the place of what is there, for this user only. On an error the old one stays.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let unfinished = Unfinished::create(path)?;
    let written = unfinished.fill(bytes).and_then(|()| {
        // The directory itself is not synced: should power fail now, the file before this one is there, which is as good.
        fs::rename(&unfinished.path, path)
    });
    written.map_err(|error| {
        unfinished.remove();
        format!(
            "`{}` cannot be written: {}\nhint: {}",
            path.display(),
            plain(&error),
            hint_of(&error)
        )
    })
}

/// Whether snapshots can be written to this directory: found out by a file that is there for a moment.
pub fn examine(directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    let found = fs::metadata(directory).map_err(|error| {
        format!(
            "`{shown}` cannot be used: {}\nhint: mount a volume there; the gate does not make the directory",
            plain(&error)
        )
    })?;
    if !found.is_dir() {
        return Err(format!(
            "`{shown}` is not a directory\nhint: name the directory, not a file in it"
        ));
    }
    Unfinished::create(&directory.join("examination")).map(|made| made.remove())
}

/// A file under a name of its own, beside the one that it will replace.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    fn create(path: &Path) -> Result<Self, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Not by the process's number: in containers that share a volume each gate is number 1.
        let own = path.with_file_name(format!(".{name}.{:016x}.tmp", fastrand::u64(..)));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&own);
        match file {
            Ok(file) => Ok(Self { path: own, file }),
            Err(error) => Err(format!(
                "`{}` cannot be written to: {}\nhint: {}",
                path.parent().unwrap_or(path).display(),
                plain(&error),
                hint_of(&error)
            )),
        }
    }

    fn fill(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        // Before it gets its name: a file with the right name and nothing in it would be worse than the old one.
        self.file.sync_all()
    }

    fn remove(&self) {
        // Left over, it is a few kilobytes that nobody reads.
        let _ = fs::remove_file(&self.path);
    }
}

fn check(found: &Metadata, user: Option<u32>) -> Result<(), String> {
    const ROOT: u32 = 0;
    if !found.is_file() {
        return Err(
            "it is not a regular file\nhint: take away what was put in its place".to_owned(),
        );
    }
    let owner = found.uid();
    match user {
        Some(user) if owner == user || owner == ROOT => {}
        Some(user) => {
            return Err(format!(
                "it belongs to user {owner}, and this is user {user}: whoever wrote it may have put keys of their own there\nhint: give the gate one user id (`runAsUser`), and the directory to it; a file that is not its own can be deleted"
            ));
        }
        None => {
            return Err("there is no telling whose it is\nhint: /proc must be readable".to_owned());
        }
    }
    if found.mode() & 0o002 != 0 {
        return Err(format!(
            "everybody may write it (mode {:o})\nhint: mount the volume so that files on it can be for one user (0600)",
            found.mode() & 0o777
        ));
    }
    if found.len() > MAX_BYTES as u64 {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    Ok(())
}

/// The user that files are made by, from `/proc/self/status` (proc_pid_status(5)): the last number after `Uid:`.
fn own_user() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().last()?.parse().ok()
}

fn hint_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the user of the gate needs to write there (`fsGroup`, or the owner of the directory)"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount the volume without `readOnly`",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the volume",
        _ => "look at the volume and at who may write there",
    }
}
