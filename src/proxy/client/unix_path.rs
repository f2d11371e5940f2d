//! Listening on a path (unix(7)): what a dead gate left there is replaced, a live one makes the start fail, and the path goes when the gate stops.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The gate's user and group may connect; the folder says who else comes near.
const MODE: u32 = 0o660;
/// Two gates that start at the same time: one waits for the other's few steps.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The path of a listening socket. Dropping it removes the socket, if it is still this one.
#[derive(Debug)]
pub struct BoundPath {
    path: PathBuf,
    identity: Identity,
}

/// Device, inode, and when it was made: an inode's number is soon given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64, i64, i64);

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self(
            found.dev(),
            found.ino(),
            found.ctime(),
            found.ctime_nsec(),
        ))
    }
}

/// Binds, sets the mode, and only then listens: nobody connects under another mode.
pub(super) fn bind(path: &Path, backlog: i32) -> io::Result<(UnixListener, BoundPath)> {
    let _lock = lock_folder(path)?;
    if is_left_over(path)? {
        fs::remove_file(path)?;
    }
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    let bound = BoundPath {
        path: path.to_owned(),
        identity: Identity::of(path)?,
    };
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), bound))
}

/// Held while the path is looked at and taken, so that of two gates one sees what the other has done. Where a folder cannot be locked (some network
/// file systems) it goes without.
fn lock_folder(path: &Path) -> io::Result<Option<File>> {
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    for _ in 0..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    Err(in_use("another process is starting there"))
}

/// A socket that nobody listens on. Whatever else is there stays, and is an error.
fn is_left_over(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file with that name that is not a socket",
            ));
        }
        Ok(_) => {}
    }
    let probe = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    // A listener whose queue is full is alive too, and must not hold the start.
    probe.set_nonblocking(true)?;
    match probe.connect(&socket2::SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => Err(in_use("another process listens there")),
    }
}

fn in_use(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        if Identity::of(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn path(name: &str) -> PathBuf {
        let name = format!("claimgate-{}-{name}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn a_live_socket_makes_the_start_fail_and_a_dead_one_is_replaced() {
        let path = path("live");
        let (listener, bound) = bind(&path, 8).unwrap();
        let error = bind(&path, 8).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another process listens"));
        // As after a kill: nobody removes the path.
        std::mem::forget(bound);
        drop(listener);
        assert!(path.exists());
        let (_listener, bound) = bind(&path, 8).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_a_socket_is_not_touched() {
        let path = path("file");
        fs::write(&path, "mine").unwrap();
        let error = bind(&path, 8).unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_socket_is_for_its_user_and_group_and_another_gates_is_not_removed() {
        let path = path("mode");
        let (first, bound) = bind(&path, 8).unwrap();
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        drop(first);
        // The next gate has replaced it while the first one was stopping.
        let (_second, _its) = bind(&path, 8).unwrap();
        drop(bound);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn of_gates_that_start_at_once_one_starts() {
        let path = path("race");
        drop(
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).map(|left| {
                left.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
            }),
        );
        let started: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| bind(&path, 8))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(started.iter().filter(|one| one.is_ok()).count(), 1);
        UnixStream::connect(&path).unwrap();
    }
}
