//! A WebSocket's bytes, both ways, from the application's 101 to the end (RFC 6455). The gate does not read the frames: what the handshake
//! was judged by holds for all of them, and for no longer than the token is good, unless the configuration says so.

mod way;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::way::{Broken, Way};
use super::account::Account;
use super::timer::Timer;
use super::upstream::pool::Switched;
use crate::clock::Clock;
use crate::proxy::client::timed_io::WRITE_STALL_TIMEOUT;
use crate::telemetry::Metrics;
use crate::verify::VerifiedToken;

/// `tunnels:` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSettings {
    /// After so long without a byte in either direction a tunnel is closed.
    pub idle_timeout: Duration,
    /// A tunnel goes on when its token has expired.
    pub outlives_token: bool,
}

impl TunnelSettings {
    /// Peers that say nothing for an hour have forgotten each other; a machine that vanished is noticed by TCP's keepalive long before. Libraries
    /// ping every 20 to 60 s. 1 s to 24 h.
    pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
}

impl Default for TunnelSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Self::DEFAULT_IDLE_TIMEOUT,
            outlives_token: false,
        }
    }
}

/// How long one side may be silent after the other has ended: enough for what is left to say, which in WebSocket is one frame.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the clock is asked at least whether the token is still good: it may have been set since.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides have ended, one after the other.
    Closed,
    ClientGone,
    ApplicationGone,
    /// Nothing was said for [`TunnelSettings::idle_timeout`], or after one side's end for [`HALF_CLOSED_TIMEOUT`].
    Idle,
    /// Nothing was taken for [`WRITE_STALL_TIMEOUT`].
    ClientStalled,
    ApplicationStalled,
    /// A new request with this token would be refused.
    TokenOver,
}

/// An upgrade that the application has granted, and the client is about to hear of. Telemetry is told when it is dropped.
pub(super) struct Tunnel {
    account: Box<Account>,
    application: Switched,
    settings: TunnelSettings,
    token: Option<TokenWatch>,
    _open: Counted,
}

impl Tunnel {
    pub(super) fn new(
        mut account: Box<Account>,
        application: Switched,
        settings: TunnelSettings,
    ) -> Self {
        account.tunnel_opened();
        let gate = account.gate();
        let token = account.token().filter(|_| !settings.outlives_token);
        Self {
            token: token.map(|token| TokenWatch::new(token, &gate.clock)),
            _open: Counted::new(&gate.metrics),
            application,
            settings,
            account,
        }
    }

    /// Moves bytes until an end. `early`: what the client sent behind its handshake; it waited here for the application's consent (threat S11).
    /// Dropped before its end, the tunnel closes: both sides see their connection end.
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, client: S, early: Bytes) {
        let Self {
            mut account,
            application: Switched { io, first, place },
            settings,
            token,
            _open,
        } = self;
        account.tunnel_begun();
        let mut ends = Ends {
            client,
            application: io,
            to_application: Way::new(early),
            to_client: Way::new(first),
            idle_timeout: settings.idle_timeout,
            token,
            timer: Timer::default(),
        };
        let end = poll_fn(|cx| ends.poll(cx)).await;
        account.tunnel_ended(end);
        drop(place);
    }
}

/// The two sides, and what ends them.
struct Ends<C, A> {
    client: C,
    application: A,
    to_application: Way,
    to_client: Way,
    idle_timeout: Duration,
    token: Option<TokenWatch>,
    timer: Timer,
}

impl<C, A> Ends<C, A>
where
    C: AsyncRead + AsyncWrite + Unpin,
    A: AsyncRead + AsyncWrite + Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let there = self
            .to_application
            .poll(cx, &mut self.client, &mut self.application);
        let back = self
            .to_client
            .poll(cx, &mut self.application, &mut self.client);
        match (there, back) {
            (Poll::Ready(Err(broken)), _) => Poll::Ready(match broken {
                Broken::Reading => End::ClientGone,
                // It had said its last word, and the client went on.
                Broken::Writing if self.to_client.sender_ended() => End::Closed,
                Broken::Writing => End::ApplicationGone,
            }),
            (_, Poll::Ready(Err(broken))) => Poll::Ready(match broken {
                Broken::Reading => End::ApplicationGone,
                Broken::Writing => End::ClientGone,
            }),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(End::Closed),
            (Poll::Pending, _) | (_, Poll::Pending) => self.poll_time(cx),
        }
    }

    /// Bytes that move only push the deadlines away, which costs nothing.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let (deadline, end) = self.next_deadline();
            if self.timer.poll(cx, deadline).is_pending() {
                return Poll::Pending;
            }
            let token = self.token.as_mut();
            if end == End::TokenOver && token.is_some_and(TokenWatch::still_good) {
                continue;
            }
            return Poll::Ready(end);
        }
    }

    fn next_deadline(&self) -> (Instant, End) {
        let half_closed = self.to_application.sender_ended() || self.to_client.sender_ended();
        let silence = match half_closed {
            true => self.idle_timeout.min(HALF_CLOSED_TIMEOUT),
            false => self.idle_timeout,
        };
        let moved = self.to_application.moved.max(self.to_client.moved);
        let stalled = |way: &Way, end| Some((way.stalled_since? + WRITE_STALL_TIMEOUT, end));
        [
            stalled(&self.to_application, End::ApplicationStalled),
            stalled(&self.to_client, End::ClientStalled),
            self.token
                .as_ref()
                .map(|token| (token.ask_at, End::TokenOver)),
        ]
        .into_iter()
        .flatten()
        .fold((moved + silence, End::Idle), |first, other| {
            match other.0 < first.0 {
                true => other,
                false => first,
            }
        })
    }
}

/// Asks our clock, which tells the time that tokens are judged by, when the token should be over.
struct TokenWatch {
    token: Arc<VerifiedToken>,
    clock: Arc<dyn Clock>,
    ask_at: Instant,
}

impl TokenWatch {
    fn new(token: &Arc<VerifiedToken>, clock: &Arc<dyn Clock>) -> Self {
        let mut watch = Self {
            token: Arc::clone(token),
            clock: Arc::clone(clock),
            ask_at: Instant::now(),
        };
        watch.still_good();
        watch
    }

    fn still_good(&mut self) -> bool {
        let left = self.token.time_left(self.clock.now().wall);
        self.ask_at = Instant::now() + left.min(CLOCK_INTERVAL);
        !left.is_zero()
    }
}

/// `claimgate_tunnels`.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.tunnel_opened();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.tunnel_closed();
    }
}

#[cfg(test)]
mod tests;
