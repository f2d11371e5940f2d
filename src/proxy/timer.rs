//! A timer for deadlines that move: one that moves away is noticed when the timer fires, so that progress costs nothing.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep};

/// Costs nothing before the first wait.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When `sleep` fires; none when it has fired.
    armed: Option<Instant>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Timer {
    /// Ready when `deadline` has passed. Set for earlier, the timer is left alone: when it fires, it is set again, once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if self.armed.is_none_or(|at| at > deadline) {
                sleep.as_mut().reset(deadline);
                self.armed = Some(deadline);
                self.waker = None;
            }
            // Asked again by the same task it has nothing to be told.
            let told = self.waker.as_ref();
            if !sleep.is_elapsed() && told.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            // A task whose turn is over (tokio's budget) is woken again at once, and the timer was not told of it.
            let tells = tokio::task::coop::has_budget_remaining();
            self.waker = tells.then(|| cx.waker().clone());
            ready!(sleep.as_mut().poll(cx));
            self.armed = None;
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}
