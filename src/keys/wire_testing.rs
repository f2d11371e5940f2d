//! For tests: hosts that are reached over memory instead of the network, so that a whole fetch happens in virtual time.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is on the way in one direction, at most.
const BUFFER_BYTES: usize = 16 * 1024;

thread_local! {
    /// Of this thread only: a test has a runtime of its own on it.
    static HOSTS: RefCell<HashMap<String, UnboundedSender<DuplexStream>>> = RefCell::default();
}

/// From now on this thread's connections to `host`, on any port, arrive here.
pub fn listen(host: &str) -> UnboundedReceiver<DuplexStream> {
    let (arrivals, listener) = unbounded_channel();
    HOSTS.with_borrow_mut(|hosts| hosts.insert(host.to_owned(), arrivals));
    listener
}

/// A connection to `host`, if it is such a one.
pub fn dial(host: &str) -> Option<DuplexStream> {
    let arrivals = HOSTS.with_borrow(|hosts| hosts.get(host).cloned())?;
    let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
    // Nobody listens any more: it is closed at once.
    let _closed = arrivals.send(theirs);
    Some(ours)
}
