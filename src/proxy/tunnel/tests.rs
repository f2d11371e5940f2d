//! The timers of a tunnel, on a clock that jumps, and what it holds.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;
use crate::clock::Moment;
use crate::verify::testing;

const HOUR: Duration = Duration::from_secs(3600);
/// What a socket takes before its reader reads.
const SOCKET: usize = 64;

struct Held {
    client: DuplexStream,
    application: DuplexStream,
}

/// Runs a tunnel between two pipes while `peers` holds their far ends; what it ended by, and when.
fn tunnel<F: Future<Output = ()>>(
    idle_timeout: Duration,
    token: Option<TokenWatch>,
    peers: impl FnOnce(Held) -> F,
) -> (End, Duration) {
    run(async {
        let (client, near_client) = duplex(SOCKET);
        let (application, near_application) = duplex(SOCKET);
        let mut ends = Ends {
            client: near_client,
            application: near_application,
            to_application: Way::new(Bytes::new()),
            to_client: Way::new(Bytes::new()),
            idle_timeout,
            token,
            timer: Timer::default(),
        };
        let start = Instant::now();
        let peers = async {
            peers(Held {
                client,
                application,
            })
            .await;
            std::future::pending::<()>().await;
        };
        let end = tokio::select! {
            end = poll_fn(|cx| ends.poll(cx)) => end,
            () = peers => panic!("it never ends"),
        };
        (end, start.elapsed())
    })
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

fn about(found: Duration, wanted: Duration) {
    assert!(
        found >= wanted && found < wanted + Duration::from_millis(50),
        "{found:?} is not {wanted:?}"
    );
}

#[test]
fn d02_silence_ends_a_tunnel_and_every_byte_in_either_direction_puts_its_end_off() {
    let (end, took) = tunnel(HOUR, None, |held| async move {
        sleep(Duration::MAX).await;
        drop(held);
    });
    assert_eq!(end, End::Idle);
    about(took, HOUR);
    let (end, took) = tunnel(HOUR, None, |mut held| async move {
        for _ in 0..3 {
            sleep(HOUR - Duration::from_secs(1)).await;
            held.client.write_all(b"x").await.unwrap();
            held.application.read_u8().await.unwrap();
            sleep(HOUR - Duration::from_secs(1)).await;
            held.application.write_all(b"y").await.unwrap();
            held.client.read_u8().await.unwrap();
        }
        sleep(Duration::MAX).await;
        drop(held);
    });
    assert_eq!(end, End::Idle);
    about(took, (HOUR - Duration::from_secs(1)) * 6 + HOUR);
}

#[test]
fn d02_a_side_that_takes_nothing_ends_the_tunnel_after_30_s() {
    for (clients, expected) in [(true, End::ClientStalled), (false, End::ApplicationStalled)] {
        let (end, took) = tunnel(HOUR, None, |mut held| async move {
            let sender = match clients {
                true => &mut held.application,
                false => &mut held.client,
            };
            let _ = sender.write_all(&[0; 100_000]).await;
            sleep(Duration::MAX).await;
            drop(held);
        });
        assert_eq!(end, expected);
        about(took, WRITE_STALL_TIMEOUT);
    }
}

#[test]
fn d02_a_slow_side_is_waited_for_as_long_as_it_takes_something() {
    let (end, took) = tunnel(HOUR, None, |mut held| async move {
        let Held {
            client,
            application,
        } = &mut held;
        let send = application.write_all(&[0; 10 * SOCKET]);
        let read = async {
            for _ in 0..10 {
                sleep(WRITE_STALL_TIMEOUT - Duration::from_secs(1)).await;
                client.read_exact(&mut [0; SOCKET]).await.unwrap();
            }
        };
        let (sent, ()) = tokio::join!(send, read);
        sent.unwrap();
        drop(held);
    });
    assert_eq!(end, End::Closed);
    about(took, (WRITE_STALL_TIMEOUT - Duration::from_secs(1)) * 10);
}

#[test]
fn d02_after_the_end_of_one_side_the_other_has_30_s_of_silence() {
    for clients in [true, false] {
        let (end, took) = tunnel(HOUR, None, |mut held| async move {
            let (first, second) = match clients {
                true => (&mut held.client, &mut held.application),
                false => (&mut held.application, &mut held.client),
            };
            first.shutdown().await.unwrap();
            assert_eq!(
                second.read(&mut [0; 1]).await.unwrap(),
                0,
                "the end is passed on"
            );
            for _ in 0..4 {
                sleep(HALF_CLOSED_TIMEOUT - Duration::from_secs(1)).await;
                second.write_all(b"more").await.unwrap();
                first.read_exact(&mut [0; 4]).await.unwrap();
            }
            sleep(Duration::MAX).await;
            drop(held);
        });
        assert_eq!(end, End::Idle);
        about(
            took,
            (HALF_CLOSED_TIMEOUT - Duration::from_secs(1)) * 4 + HALF_CLOSED_TIMEOUT,
        );
    }
}

#[test]
fn d02_a_tunnel_holds_one_piece_for_a_slow_peer_and_nothing_for_a_silent_one() {
    run(async {
        let (mut sender, mut from) = duplex(1024 * 1024);
        let (mut to, mut receiver) = duplex(SOCKET);
        sender.write_all(&[1; 1024 * 1024]).await.unwrap();
        let mut way = Way::new(Bytes::new());
        let stuck = poll_fn(|cx| Poll::Ready(way.poll(cx, &mut from, &mut to).is_pending())).await;
        assert!(stuck);
        assert!((1..=16 * 1024).contains(&way.held()), "{}", way.held());
        drop(sender);
        let read = Cell::new(0);
        let drain = async {
            let mut piece = [0; 4096];
            loop {
                match receiver.read(&mut piece).await.unwrap() {
                    0 => return,
                    n => read.set(read.get() + n),
                }
            }
        };
        let (moved, ()) = tokio::join!(poll_fn(|cx| way.poll(cx, &mut from, &mut to)), drain);
        moved.unwrap();
        assert_eq!((read.get(), way.held()), (1024 * 1024, 0));
    });
}

/// A clock that a test sets.
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Moment {
        testing::at(self.0.load(Ordering::SeqCst))
    }
}

fn watch(lives_for: i64) -> (TokenWatch, Arc<Set>) {
    let clock = Arc::new(Set(AtomicI64::new(testing::NOW)));
    let token = Arc::new(testing::proven_until(testing::NOW + lives_for));
    let as_clock: Arc<dyn Clock> = Arc::clone(&clock) as _;
    (TokenWatch::new(&token, &as_clock), clock)
}

#[test]
fn s11_the_token_is_asked_for_by_the_clock_that_tokens_are_judged_by() {
    // The clock stands still: an hour of silence passes, the token does not.
    let (token, _clock) = watch(90);
    let (end, took) = tunnel(HOUR, Some(token), |held| async move {
        sleep(Duration::MAX).await;
        drop(held);
    });
    assert_eq!(end, End::Idle);
    about(took, HOUR);
    // It is set forward: the next look sees it, a minute later at most.
    let (token, clock) = watch(10_000);
    let (end, took) = tunnel(HOUR, Some(token), |held| async move {
        sleep(Duration::from_secs(90)).await;
        clock.0.store(testing::NOW + 10_000, Ordering::SeqCst);
        sleep(Duration::MAX).await;
        drop(held);
    });
    assert_eq!(end, End::TokenOver);
    about(took, CLOCK_INTERVAL * 2);
}

#[test]
fn s11_a_tunnel_whose_token_is_over_by_the_101_ends_at_once() {
    let (token, _clock) = watch(0);
    let (end, took) = tunnel(HOUR, Some(token), |held| async move {
        sleep(Duration::MAX).await;
        drop(held);
    });
    assert_eq!((end, took), (End::TokenOver, Duration::ZERO));
}
