//! The one writer to standard output. A request never waits for whoever reads the logs: lines go through a bounded channel to a thread that
//! writes them in batches; when the channel is full, lines are dropped and counted.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

/// Lines that may wait: a second of logs at 4,000 requests a second, about 2 MiB.
const MAX_WAITING_LINES: usize = 4096;
/// How long the writer gathers after the first line: the thread is woken at most a hundred times a second, and nobody sees the delay.
const GATHER: Duration = Duration::from_millis(10);
/// Bytes of one write.
const MAX_BATCH_BYTES: usize = 256 * 1024;

/// A handle to the writer's thread. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub struct LineWriter {
    sender: SyncSender<Message>,
    dropped: IntCounter,
}

enum Message {
    /// With its line end.
    Line(Vec<u8>),
    /// Everything before it is written when this is answered.
    Flush(SyncSender<()>),
}

impl LineWriter {
    /// Starts the thread. `dropped` counts lines that did not make it.
    pub fn start(out: impl Write + Send + 'static, dropped: IntCounter) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(MAX_WAITING_LINES);
        let failed = dropped.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&receiver, out, &failed))?;
        Ok(Self { sender, dropped })
    }

    /// Hands over one line without its end. Never blocks.
    pub fn line(&self, line: String) {
        let mut bytes = line.into_bytes();
        bytes.push(b'\n');
        if self.sender.try_send(Message::Line(bytes)).is_err() {
            self.dropped.inc();
        }
    }

    /// Waits until everything handed over so far is written, at most `limit`. False: it is not.
    pub fn flush(&self, limit: Duration) -> bool {
        let mut left = limit;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        // The channel has no sending with a time limit.
        while let Err(error) = self.sender.try_send(message) {
            match error {
                TrySendError::Full(again) if !left.is_zero() => message = again,
                _ => return false,
            }
            thread::sleep(GATHER);
            left = left.saturating_sub(GATHER);
        }
        written.recv_timeout(left).is_ok()
    }
}

fn write_all(receiver: &Receiver<Message>, mut out: impl Write, failed: &IntCounter) {
    let mut batch = Vec::new();
    while let Ok(first) = receiver.recv() {
        if matches!(first, Message::Line(_)) {
            thread::sleep(GATHER);
        }
        let mut lines = 0;
        let mut answers = Vec::new();
        for message in std::iter::once(first).chain(receiver.try_iter()) {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    lines += 1;
                }
                Message::Flush(answer) => answers.push(answer),
            }
            if batch.len() >= MAX_BATCH_BYTES {
                break;
            }
        }
        if out.write_all(&batch).and_then(|()| out.flush()).is_err() {
            failed.inc_by(lines);
        }
        batch.clear();
        for answer in answers {
            let _ = answer.try_send(());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Condvar, Mutex};

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::telemetry) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(in crate::telemetry) fn kept() -> (LineWriter, Kept) {
        let kept = Kept::default();
        (LineWriter::start(kept.clone(), counter()).unwrap(), kept)
    }

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "dropped").unwrap()
    }

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn lines_are_written_in_their_order() {
        let (writer, kept) = kept();
        for number in 0..100 {
            writer.line(number.to_string());
        }
        assert!(writer.flush(LIMIT));
        let expected: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(kept.text(), expected);
    }

    /// Blocks until it is let go, as a pipe does that nobody reads.
    #[derive(Clone, Default)]
    struct Blocked(Arc<(Mutex<bool>, Condvar)>);

    impl Blocked {
        fn let_go(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_all();
        }
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let open = self.0.0.lock().unwrap();
            let _open = self.0.1.wait_while(open, |open| !*open).unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_blocks_drops_lines_and_counts_them() {
        let out = Blocked::default();
        let dropped = counter();
        let writer = LineWriter::start(out.clone(), dropped.clone()).unwrap();
        // Two rounds at most are on their way: one being written, one in the channel.
        for _ in 0..3 * MAX_WAITING_LINES {
            writer.line("x".to_owned());
        }
        assert!(dropped.get() >= MAX_WAITING_LINES as u64);
        assert!(!writer.flush(Duration::ZERO));
        out.let_go();
        assert!(writer.flush(LIMIT));
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_fails_counts_lines_as_dropped_and_the_writer_lives_on() {
        let dropped = counter();
        let writer = LineWriter::start(Broken, dropped.clone()).unwrap();
        writer.line("x".to_owned());
        assert!(writer.flush(LIMIT));
        writer.line("y".to_owned());
        assert!(writer.flush(LIMIT));
        assert_eq!(dropped.get(), 2);
    }
}
