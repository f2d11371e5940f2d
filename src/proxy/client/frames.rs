//! A count of HTTP/2 frames that ask for work and bring nothing: PING, SETTINGS, PRIORITY, RST_STREAM, unknown ones (threats D4, D5). h2 answers
//! each as it comes, without end; here is the end. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// RFC 9113 §4.1.
const HEADER: usize = 9;
const PREFACE: usize = 24;

/// DATA, HEADERS, PUSH_PROMISE (an error), GOAWAY, WINDOW_UPDATE, CONTINUATION: useful, or limited by h2.
const UNCOUNTED: [u8; 6] = [0x0, 0x1, 0x5, 0x7, 0x8, 0x9];

/// What may be spent: all of `most` at once, and as much as comes back over time or is earned.
pub(in crate::proxy) struct Allowance {
    left: u32,
    most: u32,
    every: Duration,
    since: Option<Instant>,
}

impl Allowance {
    /// Frames without use. A client that measures its line by PING sends one a round trip while data flows, which earns; a keep-alive is
    /// one in seconds.
    fn of_frames() -> Self {
        Self::new(1000, Duration::from_millis(10))
    }

    /// Requests that were given up before any answer, which costs the application as much as one that was wanted: 200 at once (twice the
    /// streams that may be open), 10 a second for ever, and one more for each that was answered.
    pub(in crate::proxy) fn of_given_up_requests() -> Self {
        Self::new(200, Duration::from_millis(100))
    }

    fn new(most: u32, every: Duration) -> Self {
        Self {
            left: most,
            most,
            every,
            since: None,
        }
    }

    pub(in crate::proxy) fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }

    /// False: there is nothing left.
    pub(in crate::proxy) fn spend(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_millis();
        let back = passed.checked_div(self.every.as_millis()).unwrap_or(0);
        if back > 0 {
            self.earn(u32::try_from(back).unwrap_or(u32::MAX));
            self.since = Some(now);
        }
        let enough = self.left > 0;
        self.left = self.left.saturating_sub(1);
        enough
    }
}

/// Finds the frames' headers in the bytes of a connection.
pub(in crate::proxy) struct FrameMeter {
    header: [u8; HEADER],
    /// Bytes of `header` that are there.
    filled: usize,
    /// Bytes until the next header.
    skip: usize,
    allowance: Allowance,
}

impl FrameMeter {
    /// What a request, or a piece of an answer, makes up for.
    const USEFUL: u32 = 10;

    /// Of a connection of which nothing has been read.
    pub(in crate::proxy) fn new() -> Self {
        Self {
            header: [0; HEADER],
            filled: 0,
            skip: PREFACE,
            allowance: Allowance::of_frames(),
        }
    }

    pub(in crate::proxy) fn useful(&mut self) {
        self.allowance.earn(Self::USEFUL);
    }

    /// False: too much.
    pub(in crate::proxy) fn read(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        let mut enough = true;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip = self.skip.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else {
                return enough;
            };
            bytes = rest;
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = *first;
                self.filled = self.filled.saturating_add(1);
            }
            if self.filled == HEADER {
                self.filled = 0;
                let [high, middle, low, kind, ..] = self.header;
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                enough &= UNCOUNTED.contains(&kind) || self.allowance.spend(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend_from_slice(&[kind, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(payload);
        bytes
    }

    /// One that has seen the preface.
    fn begun(now: Instant) -> FrameMeter {
        let mut meter = FrameMeter::new();
        assert!(meter.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", now));
        meter
    }

    /// After how many PINGs, sent in pieces of `size`, it is too much.
    fn pings(meter: &mut FrameMeter, size: usize, now: Instant) -> usize {
        let ping = frame(6, &[0x6; 8]);
        (1..10_000)
            .find(|_| {
                let fine: Vec<bool> = ping.chunks(size).map(|p| meter.read(p, now)).collect();
                fine.contains(&false)
            })
            .unwrap()
    }

    #[test]
    fn d05_control_frames_are_counted_wherever_the_bytes_are_cut() {
        let now = Instant::now();
        for size in 1..=17 {
            let mut meter = begun(now);
            assert!(meter.read(&frame(0, &[6; 300]), now));
            assert_eq!(pings(&mut meter, size, now), 1001);
        }
    }

    #[test]
    fn d05_what_is_of_use_and_time_make_up_for_control_frames() {
        let now = Instant::now();
        let mut meter = begun(now);
        for _ in 0..100_000 {
            meter.useful();
            assert!(meter.read(&frame(6, &[0; 8]), now));
            assert!(meter.read(&frame(8, &[0; 4]), now));
        }
        pings(&mut meter, 17, now);
        assert_eq!(pings(&mut meter, 17, now + Duration::from_secs(1)), 101);
        assert_eq!(pings(&mut meter, 17, now + Duration::from_secs(3600)), 1001);
    }
}
