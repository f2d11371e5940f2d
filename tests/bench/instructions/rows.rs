//! What is counted: each row of `counts.txt` is a sum of whole requests, so that what is not meant cancels out.

use std::path::Path;

use crate::requests::{Kind, Requests};
use crate::valgrind;

/// The first of two counts: by then all that grows by use has grown, and both have started and stopped.
const WARM: usize = 200;
/// By so many requests is the other count longer. What differs from run to run is some ten thousand instructions: ten a request.
const COUNTED: usize = 1_000;

/// A row's name, and which requests it is: those that are added, those that are taken away.
type Row = (&'static str, &'static [Kind], &'static [Kind]);

const ROWS: &[Row] = &[
    (
        "known_token_less_bytes",
        &[Kind::Known, Kind::Garbage],
        &[Kind::LongGarbage],
    ),
    (
        "fresh_token_less_bytes_and_signature",
        &[Kind::Fresh, Kind::Garbage, Kind::UnknownKey],
        &[Kind::LongGarbage, Kind::BadSignature],
    ),
    // Both are refused at once; what the longer one adds is reading it, and the code that the cache knows tokens by, which depends on the processor:
    // it would hide what else a token costs.
    ("bytes_of_a_token", &[Kind::LongGarbage], &[Kind::Garbage]),
    // These refusals differ by the signature alone: an unknown key is noticed last before it, a bad signature right after it.
    ("signature", &[Kind::BadSignature], &[Kind::UnknownKey]),
    ("refused_without_token", &[Kind::NoToken], &[]),
    ("refused_garbage", &[Kind::Garbage], &[]),
    (
        "refused_expired_less_bytes",
        &[Kind::Expired, Kind::Garbage],
        &[Kind::LongGarbage],
    ),
    ("headers_of_a_browser", &[Kind::Browser], &[Kind::Known]),
    ("headers_forged", &[Kind::Forged], &[Kind::Known]),
    ("access_log_line", &[Kind::Logged], &[Kind::Known]),
];

/// Counts of whole runs, the least that was seen: whatever is not of the requests (a look at the configuration file every five seconds, a thread that
/// wakes by time) only adds, and the more the slower the machine is.
pub struct Counting<'b> {
    binary: &'b Path,
    requests: Requests,
    runs: Vec<(Kind, Runs)>,
}

#[derive(Clone, Copy)]
struct Runs {
    short: i64,
    long: i64,
}

impl<'b> Counting<'b> {
    pub fn of(binary: &'b Path) -> Self {
        let not_yet = Runs {
            short: i64::MAX,
            long: i64::MAX,
        };
        let mut counting = Self {
            binary,
            requests: Requests::new(WARM + COUNTED),
            runs: Kind::ALL.map(|kind| (kind, not_yet)).to_vec(),
        };
        counting.again();
        counting
    }

    /// Another round.
    pub fn again(&mut self) {
        for (kind, least) in &mut self.runs {
            let runs = count(self.binary, &self.requests, *kind);
            least.short = least.short.min(runs.short);
            least.long = least.long.min(runs.long);
        }
    }

    /// Instructions of each row.
    pub fn rows(&self) -> Vec<(String, i64)> {
        let sum = |kinds: &[Kind]| -> i64 {
            let wanted = self.runs.iter().filter(|(kind, _)| kinds.contains(kind));
            wanted
                .map(|(_, runs)| (runs.long - runs.short) / COUNTED as i64)
                .sum()
        };
        let row = |(name, plus, minus): &Row| ((*name).to_owned(), sum(plus) - sum(minus));
        ROWS.iter().map(row).collect()
    }
}

fn count(binary: &Path, requests: &Requests, kind: Kind) -> Runs {
    let all = requests.of(kind);
    let configuration = requests.configuration(kind);
    std::thread::scope(|scope| {
        let short = scope.spawn(|| valgrind::count(binary, &configuration, &all[..WARM]));
        let long = valgrind::count(binary, &configuration, &all);
        Runs {
            short: short.join().unwrap(),
            long,
        }
    })
}
