//! Limits and floors to the second, in virtual time: the issuer is at the other end of a wire of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::tls::TestAuthority;
use crate::clock::{Clock, Moment, UnixTime};
use crate::jose::algorithm::Algorithm;
use crate::keys::fetch::FetchSettings;
use crate::keys::set::{Candidates, KeyHint};
use crate::keys::source::Origin;
use crate::keys::testing::{Recorder, config, document, jwk, settings};
use crate::keys::url::KeyUrl;
use crate::keys::{FetchResult, KeyLookup, Keys, SourceId, wire_testing};

const FIRST: SourceId = SourceId(0);
const SECOND: Duration = Duration::from_secs(1);

struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Moment {
        Moment {
            wall: UnixTime(1_700_000_000),
            monotonic: self.0.elapsed(),
        }
    }
}

/// What the issuer does with a connection.
#[derive(Clone)]
enum Manner {
    /// Answers with this body at once.
    Json(String),
    /// Answers with this body, a byte of it each second.
    BytePerSecond(String),
    /// Reads, and never says a word.
    Silent,
    /// Closes.
    Away,
}

/// Keys of one issuer, which may change its manner.
struct House {
    keys: Arc<Keys>,
    told: Arc<Recorder>,
    manner: Arc<std::sync::Mutex<Manner>>,
    fetches: Arc<AtomicUsize>,
    start: Instant,
    _issuer: JoinSet<()>,
}

impl House {
    fn new(scheme: &str, fetch: FetchSettings, manner: Manner) -> Self {
        let start = Instant::now();
        let url = KeyUrl::parse(&format!("{scheme}://id.example/jwks"), true).unwrap();
        let source = config("one", Origin::JwksUrl { url, fetch });
        let told = Arc::new(Recorder::default());
        let clock = Arc::new(Virtual(start));
        let manner = Arc::new(std::sync::Mutex::new(manner));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (now, counted) = (Arc::clone(&manner), Arc::clone(&fetches));
        let mut issuer = JoinSet::new();
        issuer.spawn(async move {
            let mut arrivals = wire_testing::listen("id.example");
            let mut connections = JoinSet::new();
            while let Some(wire) = arrivals.recv().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let manner = now.lock().unwrap().clone();
                connections.spawn(async move { drop(serve(wire, manner).await) });
            }
        });
        Self {
            keys: Arc::new(Keys::new(vec![source], clock, told.clone())),
            told,
            manner,
            fetches,
            start,
            _issuer: issuer,
        }
    }

    fn plain(manner: Manner) -> Self {
        let mut fetch = settings();
        fetch.allow_http = true;
        Self::new("http", fetch, manner)
    }

    fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Whether a token with this kid finds a key now, without any waiting.
    fn knows(&self, kid: &str) -> bool {
        let now = self.start.elapsed();
        let hint = KeyHint {
            kid: Some(kid),
            ..KeyHint::default()
        };
        self.keys.key_set(FIRST, now).is_some_and(|set| {
            matches!(
                set.candidates(hint, Algorithm::Es256, now),
                Candidates::Keys(_)
            )
        })
    }
}

async fn serve(mut wire: DuplexStream, manner: Manner) -> std::io::Result<()> {
    if matches!(manner, Manner::Away) {
        return Ok(());
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(wire.read_u8().await?);
    }
    let head = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    match manner {
        Manner::Json(body) => wire.write_all((head(&body) + &body).as_bytes()).await,
        Manner::BytePerSecond(body) => {
            wire.write_all(head(&body).as_bytes()).await?;
            for byte in body.bytes() {
                wire.write_u8(byte).await?;
                sleep(SECOND).await;
            }
            Ok(())
        }
        Manner::Silent | Manner::Away => wire.read_u8().await.map(drop),
    }
}

#[tokio::test(start_paused = true)]
async fn k04_a_byte_a_second_is_left_after_five_seconds_and_known_keys_serve_meanwhile() {
    let good = document(&[&jwk("a")]);
    let house = House::plain(Manner::Json(good.clone()));
    house.keys.fetch_once().await;
    for manner in [Manner::BytePerSecond(good), Manner::Silent] {
        house.becomes(manner);
        let began = Instant::now();
        let keys = Arc::clone(&house.keys);
        let fetch = tokio::spawn(async move { keys.fetch_once().await });
        while !fetch.is_finished() {
            assert!(house.knows("a"));
            sleep(SECOND / 10).await;
        }
        assert_eq!(house.told.last(), Some((FetchResult::Timeout, 1)));
        let took = began.elapsed();
        assert!(
            (5 * SECOND..=5 * SECOND + SECOND / 5).contains(&took),
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn k04_silence_in_the_handshake_is_left_after_two_seconds() {
    let authority = TestAuthority::new("one");
    let house = House::new("https", authority.trusted(), Manner::Silent);
    let began = Instant::now();
    assert!(house.keys.fetch_once().await[0].is_err());
    assert_eq!(house.told.last(), Some((FetchResult::Timeout, 0)));
    let took = began.elapsed();
    assert!(
        (2 * SECOND..=2 * SECOND + SECOND / 10).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn k12_an_issuer_that_comes_up_a_minute_after_the_gate_has_been_asked_31_seconds_later() {
    for away in [Manner::Away, Manner::Silent] {
        let house = House::plain(away);
        house.keys.start();
        sleep(60 * SECOND).await;
        assert!(!house.keys.ready());
        assert!((1..=31).contains(&house.keys.retry_after(FIRST)));
        house.becomes(Manner::Json(document(&[&jwk("a")])));
        sleep(31 * SECOND).await;
        assert!(house.keys.ready() && house.knows("a"));
    }
}

/// 100,000 tokens, each with a kid of its own, in a minute; a token with a known kid at each millisecond of it. Returns the fetches.
async fn flood(house: &House) -> usize {
    const KIDS: u32 = 100_000;
    let start = Instant::now();
    let mut questions = JoinSet::new();
    let mut asked = 0;
    let mut most_waiting = 0;
    for millisecond in 1..=60_000 {
        sleep_until(start + Duration::from_millis(millisecond)).await;
        assert!(house.knows("a"), "at {millisecond} ms");
        while asked < KIDS && u64::from(asked) * 60_000 < u64::from(KIDS) * millisecond {
            assert!(!house.knows(&format!("made-up-{asked}")));
            let keys = Arc::clone(&house.keys);
            questions.spawn(async move { keys.refetch(FIRST, None).await });
            asked += 1;
        }
        while questions.try_join_next().is_some() {}
        most_waiting = most_waiting.max(questions.len());
    }
    assert_eq!(asked, KIDS);
    // Nobody waits longer than 5 s, so that no more than 5 s of them wait at a time.
    assert!(most_waiting <= KIDS as usize / 60 * 6, "{most_waiting}");
    while questions.join_next().await.is_some() {}
    let fetches = house.fetches();
    let suppressed = house.told.suppressed.load(Ordering::SeqCst);
    println!(
        "{fetches} fetches, {suppressed} questions turned away, {most_waiting} waited at a time"
    );
    fetches
}

#[tokio::test(start_paused = true)]
async fn k05_a_hundred_thousand_unknown_kids_in_a_minute_cause_at_most_three_fetches() {
    let good = Manner::Json(document(&[&jwk("a")]));
    let house = House::plain(good);
    house.keys.start();
    house.told.until(|told| told.len() == 1).await;
    let before = house.keys.key_set(FIRST, Duration::ZERO).unwrap();
    assert!(flood(&house).await <= 3);
    let after = house.keys.key_set(FIRST, house.start.elapsed()).unwrap();
    assert!(Arc::ptr_eq(&before, &after), "the flood left something");
    // And a key that is new is there as soon as the floor allows.
    house.becomes(Manner::Json(document(&[&jwk("a"), &jwk("b")])));
    sleep(30 * SECOND).await;
    assert!(house.keys.refetch(FIRST, None).await && house.knows("b"));
}

#[tokio::test(start_paused = true)]
async fn k04_k05_a_flood_on_an_issuer_that_hangs_or_is_away_costs_it_no_more_than_its_failures_do()
{
    for manner in [Manner::Silent, Manner::Away] {
        let house = House::plain(Manner::Json(document(&[&jwk("a")])));
        house.keys.start();
        house.told.until(|told| told.len() == 1).await;
        house.becomes(manner);
        // The start, two for unknown keys, and after a failure 1, 2, 4, 8, 16 s, spread over the upper half of each.
        assert!(flood(&house).await <= 3 + 7);
    }
}
