//! The gate's side: the plan, the reader and the merge, put together as `task` does it, without tasks and locks.

use std::sync::Arc;
use std::time::Duration;

use super::documents::{self, Name};
use super::life::{LONGEST_FETCH, Token};
use super::oracle::Verdict;
use crate::jose::algorithm::Algorithm;
use crate::jose::jwk::{KeyPolicy, read_set};
use crate::jose::key::VerificationKey;
use crate::keys::merge::merge;
use crate::keys::plan::{Answer, Ended, Jitter, Plan, Step, Timing, fresh_enough};
use crate::keys::set::{Candidates, KeyHint, KeySet};

/// What the simulated world sees of a gate. The provided methods are how it is; a broken one overrides some.
pub trait Gate {
    fn parts(&mut self) -> &mut Parts;

    fn poll(&mut self, now: Duration) -> Step {
        self.parts().plan.poll(now)
    }

    fn unknown_key(&mut self, now: Duration, _token: Token) -> Answer {
        self.parts().plan.unknown_key(now)
    }

    /// Whether a token that was refused asks for keys. So does `verify`: for an unknown key, for one of another algorithm, for a bad signature.
    fn asks(&mut self, _token: Token, _now: Duration) -> bool {
        true
    }

    /// What a fetch may take.
    fn patience(&self) -> Duration {
        LONGEST_FETCH
    }

    /// A fetch ended: with this body, or without any.
    fn fetched(&mut self, now: Duration, body: Option<&[u8]>, jitter: Jitter) {
        let read = body.and_then(|body| self.read(body));
        match read.filter(|keys| self.is_enough(keys)) {
            Some(keys) => self.succeeded(now, keys, jitter),
            None => self.failed(now, jitter),
        }
    }

    fn read(&mut self, body: &[u8]) -> Option<Vec<VerificationKey>> {
        let read = read_set(body, &KeyPolicy::default()).ok()?;
        Some(read.keys)
    }

    fn is_enough(&self, keys: &[VerificationKey]) -> bool {
        !keys.is_empty()
    }

    fn succeeded(&mut self, now: Duration, keys: Vec<VerificationKey>, jitter: Jitter) {
        let parts = self.parts();
        let trusted = parts.plan.trusted(now);
        parts.take(now, keys, jitter, trusted);
    }

    fn failed(&mut self, now: Duration, jitter: Jitter) {
        self.parts().plan.ended(now, Ended::Failed, jitter);
    }

    /// Whether whoever asked at `asked` is to look once more.
    fn look_again(&mut self, asked: Duration) -> bool {
        self.parts().just_changed(asked)
    }

    fn judge(&mut self, token: Token, now: Duration) -> Verdict {
        let parts = self.parts();
        let fresh = |as_of| fresh_enough(as_of, now, parts.timing.max_stale);
        match parts.as_of {
            Some(as_of) if fresh(as_of) => look_up(&parts.set, token, now),
            _ => Verdict::Unavailable,
        }
    }
}

/// What `task` holds.
pub struct Parts {
    pub timing: Timing,
    pub plan: Plan,
    pub set: Arc<KeySet>,
    pub as_of: Option<Duration>,
    pub changed: Option<Duration>,
}

impl Parts {
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            plan: Plan::new(timing, Duration::ZERO),
            set: Arc::new(KeySet::assembled(0, Vec::new(), false)),
            as_of: None,
            changed: None,
        }
    }

    /// What `task` does with keys that came.
    pub fn take(
        &mut self,
        now: Duration,
        keys: Vec<VerificationKey>,
        jitter: Jitter,
        trusted: bool,
    ) {
        self.plan.ended(now, Ended::Succeeded, jitter);
        let retention = match trusted {
            true => self.timing.retention,
            false => Duration::ZERO,
        };
        let merged = merge(&self.set, keys, now, retention);
        if merged.is_some() || !trusted {
            self.changed = Some(now);
        }
        if let Some(set) = merged {
            self.set = Arc::new(set);
        }
        self.as_of = self.plan.good_as_of();
    }

    pub fn just_changed(&self, asked: Duration) -> bool {
        let changed = self.changed;
        changed.is_some_and(|at| asked.saturating_sub(at) < Duration::from_secs(1))
    }
}

/// The gate as it is.
pub struct Whole(pub Parts);

impl Gate for Whole {
    fn parts(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// A signature fits exactly one key: here the fingerprint stands for it.
pub fn look_up(set: &KeySet, token: Token, now: Duration) -> Verdict {
    let signer = match token {
        Token::Of(Name { material, .. }) | Token::WithoutKid(material) => {
            Some(documents::fingerprint(material))
        }
        Token::MadeUp(_) => None,
    };
    match candidates(set, token, now) {
        Candidates::Keys(keys) if keys.iter().any(|key| Some(key.fingerprint) == signer) => {
            Verdict::Accepted
        }
        _ => Verdict::Refused,
    }
}

/// As `verify` asks for them.
pub fn candidates(set: &KeySet, token: Token, now: Duration) -> Candidates {
    let made_up;
    let (kid, material) = match token {
        Token::Of(name) => (Some(name.kid()), Some(name.material)),
        Token::WithoutKid(material) => (None, Some(material)),
        Token::MadeUp(number) => {
            made_up = format!("made-up-{number}");
            (Some(&*made_up), None)
        }
    };
    let hint = KeyHint {
        kid,
        ..KeyHint::default()
    };
    let algorithm = material.map_or(Algorithm::Es256, documents::algorithm);
    set.candidates(hint, algorithm, now)
}

/// How many keys of the set are current, and how many only retained.
pub fn sizes(set: &KeySet) -> (usize, usize) {
    let current = set.keys().iter().filter(|held| held.good_until.is_none());
    let current = current.count();
    (current, set.keys().len() - current)
}
