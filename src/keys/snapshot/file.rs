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

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;
    use crate::keys::testing::TestDirectory;

    fn why_not(path: &Path) -> String {
        match read(path) {
            Err(Ignored::Unreadable(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_written_as_a_whole_for_this_user_only_and_read_again() {
        let directory = TestDirectory::new("snapshot-whole");
        let path = directory.0.join("a.snapshot");
        assert_eq!(read(&path), Ok(None));
        for content in ["first", "second, and longer", "3"] {
            assert_eq!(write(&path, content.as_bytes()), Ok(()));
            assert_eq!(read(&path), Ok(Some(content.as_bytes().to_vec())));
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(directory.names(), ["a.snapshot"]);
    }

    #[test]
    fn k06_what_is_not_a_regular_file_is_neither_read_nor_waited_for() {
        let directory = TestDirectory::new("snapshot-kinds");
        let [file, link, pipe, folder] =
            ["file", "link", "pipe", "folder"].map(|name| directory.0.join(name));
        write(&file, b"good").unwrap();
        symlink(&file, &link).unwrap();
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        fs::create_dir(&folder).unwrap();
        for path in [&link, &pipe, &folder] {
            let why = why_not(path);
            assert!(why.starts_with("it is not a regular file"), "{why}");
        }
        assert!(why_not(&file.join("below")).starts_with("it cannot be read"));
        // What is written takes their place, and follows no link.
        assert_eq!(write(&link, b"new"), Ok(()));
        assert_eq!(write(&pipe, b"new"), Ok(()));
        assert_eq!(read(&link), Ok(Some(b"new".to_vec())));
        assert_eq!(read(&file), Ok(Some(b"good".to_vec())));
        assert!(write(&folder, b"new").is_err());
        assert_eq!(directory.names(), ["file", "folder", "link", "pipe"]);
    }

    #[test]
    fn k06_a_file_that_another_user_made_or_everybody_may_write_is_not_read() {
        let directory = TestDirectory::new("snapshot-owners");
        let path = directory.0.join("a");
        write(&path, b"good").unwrap();
        let with_mode = |mode| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            read(&path)
        };
        // The group: a volume with `fsGroup` is changed to that.
        for mode in [0o600, 0o640, 0o660, 0o644] {
            assert!(with_mode(mode).is_ok(), "{mode:o}");
        }
        for mode in [0o602, 0o666, 0o777] {
            assert!(with_mode(mode).is_err(), "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let found = fs::metadata(&path).unwrap();
        let own = own_user().unwrap();
        assert_eq!(found.uid(), own);
        assert_eq!(check(&found, Some(own)), Ok(()));
        // Root may write anywhere; it is no other user.
        assert_eq!(check(&found, Some(own + 1)).is_ok(), own == 0);
        assert!(check(&found, None).is_err());
    }

    #[test]
    fn k06_a_file_of_another_user_is_refused() {
        let directory = TestDirectory::new("snapshot-foreign");
        let path = directory.0.join("a");
        write(&path, b"good").unwrap();
        let another = own_user().unwrap() + 1;
        if std::os::unix::fs::chown(&path, Some(another), None).is_err() {
            // Only root may give a file away; the check itself is tested above.
            return;
        }
        let why = why_not(&path);
        assert!(why.contains(&format!("belongs to user {another}")), "{why}");
        assert!(why.contains("\nhint: "), "{why}");
    }

    #[test]
    fn k03_a_giant_is_not_read() {
        let directory = TestDirectory::new("snapshot-giant");
        let path = directory.0.join("a");
        write(&path, &vec![b' '; MAX_BYTES]).unwrap();
        assert!(read(&path).is_ok());
        write(&path, &vec![b' '; MAX_BYTES + 1]).unwrap();
        assert!(why_not(&path).contains("more than 1048576 bytes"));
        // Without a byte on the disk.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(why_not(&path).contains("more than"));
    }

    #[test]
    fn what_cannot_be_written_is_an_error_and_leaves_nothing_behind() {
        let directory = TestDirectory::new("snapshot-nowhere");
        let file = directory.0.join("file");
        write(&file, b"good").unwrap();
        for (path, part) in [
            (directory.0.join("missing/a"), "no such file or directory"),
            (file.join("a"), "not a directory"),
            // Not even root makes files there.
            (PathBuf::from("/proc/a"), "cannot be written to"),
        ] {
            let why = write(&path, b"new").unwrap_err();
            assert!(why.contains(part) && why.contains("\nhint: "), "{why}");
        }
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn a_directory_is_examined_without_a_trace() {
        let directory = TestDirectory::new("snapshot-examined");
        assert_eq!(examine(&directory.0), Ok(()));
        assert!(directory.names().is_empty());
        let missing = examine(&directory.0.join("missing")).unwrap_err();
        assert!(missing.contains("hint: mount a volume there"), "{missing}");
        write(&directory.0.join("file"), b"").unwrap();
        let file = examine(&directory.0.join("file")).unwrap_err();
        assert!(file.contains("is not a directory"), "{file}");
        assert!(examine(Path::new("/proc")).is_err());
        // As Kubernetes makes an emptyDir.
        fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(examine(&directory.0), Ok(()));
    }
}
