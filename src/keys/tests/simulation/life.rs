//! The life of one issuer and of its clients, made from a seed before it is lived: which keys the issuer publishes when, how it answers
//! when, and which tokens come when. It knows nothing of the code under test but the times that an operator configures.

use std::time::Duration;

use fastrand::Rng;

use super::documents::{self, Name};
use crate::keys::plan::Timing;

/// All that one fetch may take (threat K4).
pub const LONGEST_FETCH: Duration = Duration::from_secs(5);
/// An issuer that works answers within it.
const LONGEST_ANSWER: Duration = Duration::from_millis(4500);
/// An issuer that comes back is asked within it (threat K12).
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How the issuer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Fine,
    /// Whole, but it takes up to 4.5 s.
    Slow,
    /// Whole, in another order, with a key twice, and between keys that nobody can use.
    Odd,
    /// Some hundred entries, of which its keys are the first: more than are taken from one document.
    Crowded,
    /// Takes the connection and says nothing, until the other side gives up.
    Hangs,
    Refuses,
    WrongTls,
    Status500,
    Redirects,
    Html,
    EmptySet,
    NoSet,
    OnlyUseless,
    Truncated,
    /// Ten thousand keys, which is more than a document may have bytes.
    Giant,
}

impl Condition {
    const FAULTS: [Self; 11] = [
        Self::Hangs,
        Self::Refuses,
        Self::WrongTls,
        Self::Status500,
        Self::Redirects,
        Self::Html,
        Self::EmptySet,
        Self::NoSet,
        Self::OnlyUseless,
        Self::Truncated,
        Self::Giant,
    ];

    /// Whether whoever asks gets the issuer's keys.
    pub fn serves(self) -> bool {
        matches!(self, Self::Fine | Self::Slow | Self::Odd | Self::Crowded)
    }
}

/// A token, as far as the choice of a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Names this kid, and is signed by that key.
    Of(Name),
    /// Names no kid.
    WithoutKid(u8),
    /// A kid that nobody ever had.
    MadeUp(u32),
}

/// See the module.
pub struct Life {
    pub timing: Timing,
    pub end: Duration,
    /// What is published from a time on.
    keys: Vec<(Duration, Vec<Name>)>,
    conditions: Vec<(Duration, Condition)>,
    /// By time.
    pub arrivals: Vec<(Duration, Token)>,
}

/// One way of one fetch.
pub struct Way {
    /// When the answer is made: the document is the one of this time.
    pub answered: Duration,
    pub ended: Duration,
    pub condition: Condition,
}

impl Life {
    pub fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let timing = timing(&mut random);
        let end =
            timing.refresh_interval * random.u32(6..14) + Duration::from_secs(random.u64(60..600));
        let mut life = Self {
            timing,
            end,
            keys: keys(&mut random, timing, end),
            conditions: conditions(&mut random, timing, end),
            arrivals: Vec::new(),
        };
        life.arrivals = life.arrivals(&mut random);
        life
    }

    /// What the issuer publishes at this time.
    pub fn published(&self, at: Duration) -> &[Name] {
        &self.keys[position(&self.keys, at)].1
    }

    pub fn condition(&self, at: Duration) -> Condition {
        self.conditions[position(&self.conditions, at)].1
    }

    /// Since when whoever asked would have got keys, if that is so now.
    pub fn serves_since(&self, at: Duration) -> Option<Duration> {
        since(&self.conditions, at, |condition| condition.serves())
    }

    /// Since when this key is published, if it is now.
    pub fn published_since(&self, name: Name, at: Duration) -> Option<Duration> {
        since(&self.keys, at, |keys| keys.contains(&name))
    }

    /// Since when this key is not published, if it is not now.
    pub fn absent_since(&self, name: Name, at: Duration) -> Option<Duration> {
        since(&self.keys, at, |keys| !keys.contains(&name))
    }

    /// What becomes of a fetch that begins at this time, by someone who gives up after `patience`.
    pub fn way(&self, began: Duration, patience: Duration, random: &mut Rng) -> Way {
        let milliseconds = |random: &mut Rng, from: u64, to: u64| {
            Duration::from_micros(random.u64(from * 1000..to * 1000))
        };
        let condition = self.condition(began);
        let takes = match condition {
            Condition::Hangs => {
                let ended = began + patience;
                return Way {
                    answered: ended,
                    ended,
                    condition,
                };
            }
            Condition::Slow => milliseconds(random, 500, LONGEST_ANSWER.as_millis() as u64),
            _ => milliseconds(random, 1, 400),
        };
        let answered = began + takes.mul_f64(random.f64());
        Way {
            answered,
            ended: began + takes,
            // It may go away, or come back, in the middle of it.
            condition: match self.condition(answered) {
                Condition::Hangs => Condition::Refuses,
                later if condition.serves() => later,
                _ => condition,
            },
        }
    }

    /// Tokens at random times, and where a promise begins or ends.
    fn arrivals(&self, random: &mut Rng) -> Vec<(Duration, Token)> {
        let mut arrivals = Vec::new();
        let gap = (self.timing.refresh_interval / 6).min(Duration::from_secs(20));
        let mut at = Duration::ZERO;
        while at < self.end {
            at += gap.mul_f64(2.0 * random.f64());
            arrivals.push((at, self.any_token(at, random)));
        }
        for window in self.keys.windows(2) {
            let (before, after, changed) = (&window[0].1, &window[1].1, window[1].0);
            for name in after.iter().filter(|name| !before.contains(name)) {
                self.probe(
                    changed,
                    &self.times_after_arrival(),
                    *name,
                    random,
                    &mut arrivals,
                );
            }
            for name in before.iter().filter(|name| !after.contains(name)) {
                self.probe(
                    changed,
                    &self.times_after_removal(),
                    *name,
                    random,
                    &mut arrivals,
                );
            }
        }
        for (at, _) in &self.conditions {
            let live = *random.choice(self.published(*at)).unwrap_or(&Name::FIRST);
            let times = [LONGEST_PAUSE, LONGEST_PAUSE + LONGEST_FETCH];
            self.probe(*at, &times, live, random, &mut arrivals);
        }
        for _ in 0..3 {
            let at = self.end.mul_f64(random.f64());
            let flood = (0..20).map(|_| {
                let later = Duration::from_millis(random.u64(..200));
                (at + later, Token::MadeUp(random.u32(..)))
            });
            arrivals.extend(flood);
        }
        arrivals.retain(|(at, _)| *at < self.end);
        arrivals.sort_by_key(|(at, _)| *at);
        arrivals
    }

    /// How long after its publication a key may become good.
    fn times_after_arrival(&self) -> [Duration; 5] {
        let Timing {
            refresh_interval,
            refetch_interval,
            ..
        } = self.timing;
        [
            Duration::ZERO,
            refetch_interval,
            refetch_interval.max(LONGEST_FETCH),
            refresh_interval,
            refresh_interval + LONGEST_FETCH,
        ]
    }

    /// How long after its removal a key may be dead.
    fn times_after_removal(&self) -> [Duration; 5] {
        let Timing {
            refresh_interval,
            retention,
            max_stale,
            ..
        } = self.timing;
        [
            refresh_interval,
            retention,
            refresh_interval + retention,
            refresh_interval + LONGEST_FETCH + retention,
            max_stale,
        ]
    }

    /// Tokens of `name` just before and just after each of these times after `event`.
    fn probe(
        &self,
        event: Duration,
        times: &[Duration],
        name: Name,
        random: &mut Rng,
        arrivals: &mut Vec<(Duration, Token)>,
    ) {
        for time in times {
            let near = Duration::from_millis(random.u64(..500));
            arrivals.push((event + *time + near, Token::Of(name)));
            arrivals.push(((event + *time).saturating_sub(near), Token::Of(name)));
        }
    }

    fn any_token(&self, at: Duration, random: &mut Rng) -> Token {
        let (_, some) = random.choice(&self.keys).expect("a life has keys");
        let ever = *random.choice(some).expect("a document has keys");
        let live = *random.choice(self.published(at)).expect("the same");
        match random.u8(..20) {
            0..10 => Token::Of(live),
            // Present, gone, or not yet there.
            10..15 => Token::Of(ever),
            // A kid that is there, signed by whoever.
            15 => Token::Of(Name {
                material: documents::NEVER_PUBLISHED,
                ..live
            }),
            16 => Token::WithoutKid(live.material),
            _ => Token::MadeUp(random.u32(..)),
        }
    }
}

/// Usual and unusual configurations, within the bounds of their keys.
fn timing(random: &mut Rng) -> Timing {
    let seconds = |n: u64| Duration::from_secs(n);
    if random.u8(..5) == 0 {
        return Timing {
            refresh_interval: Timing::DEFAULT_REFRESH_INTERVAL,
            refetch_interval: Timing::DEFAULT_REFETCH_INTERVAL,
            max_stale: Timing::DEFAULT_MAX_STALE,
            retention: *random
                .choice(&[Duration::ZERO, seconds(24 * 3600)])
                .unwrap_or(&Duration::ZERO),
        };
    }
    let refresh = random.u64(10..400);
    let refetch = match random.bool() {
        true => random.u64(1..10),
        false => random.u64(10..120),
    };
    let retention = match random.u8(..4) {
        0 => 24 * 3600,
        1 => random.u64(1..4 * refresh),
        _ => 0,
    };
    Timing {
        refresh_interval: seconds(refresh),
        refetch_interval: seconds(refetch),
        max_stale: seconds(refresh * random.u64(1..6)),
        retention: seconds(retention),
    }
}

/// The issuer's hand: keys in all the ways in which they come and go.
fn keys(random: &mut Rng, timing: Timing, end: Duration) -> Vec<(Duration, Vec<Name>)> {
    let refresh = timing.refresh_interval;
    let mut names = documents::Names::default();
    let mut now = names.several(random.usize(1..4));
    let mut track = vec![(Duration::ZERO, now.clone())];
    let mut at = Duration::ZERO;
    loop {
        at += refresh.mul_f64(0.2 + 2.0 * random.f64());
        if at >= end || names.used_up() {
            return track;
        }
        let which = random.usize(..now.len());
        match random.u8(..7) {
            // A rotation: the new one is there for an interval before the old one goes.
            0 | 1 => {
                now.push(names.fresh());
                track.push((at, now.clone()));
                at += refresh.mul_f64(1.0 + random.f64());
                now.swap_remove(which);
            }
            // A hard cut.
            2 => now = names.several(random.usize(1..3)),
            // Another key under the same kid.
            3 => now[which] = names.again(now[which].kid),
            // The same key under another kid.
            4 => now[which] = names.renamed(now[which]),
            // Taken back.
            5 if now.len() > 1 => drop(now.swap_remove(which)),
            // Entra's: it goes, and comes, and goes.
            _ => {
                let whole = now.clone();
                now.swap_remove(which);
                if now.is_empty() {
                    now = names.several(1);
                }
                for _ in 0..random.u8(1..4) {
                    track.push((at, now.clone()));
                    at += refresh.mul_f64(1.5 * random.f64());
                    track.push((at, whole.clone()));
                    at += refresh.mul_f64(1.5 * random.f64());
                }
                now = whole;
            }
        }
        track.push((at, now.clone()));
    }
}

/// The weather: mostly fine.
fn conditions(random: &mut Rng, timing: Timing, end: Duration) -> Vec<(Duration, Condition)> {
    let any = |random: &mut Rng| *random.choice(&Condition::FAULTS).expect("there are some");
    let good = |random: &mut Rng| match random.u8(..32) {
        0..6 => Condition::Slow,
        6..10 => Condition::Odd,
        10 => Condition::Crowded,
        _ => Condition::Fine,
    };
    let mut at = Duration::ZERO;
    let mut track = vec![(at, good(random))];
    if random.u8(..4) == 0 {
        // Away at the start.
        track = vec![(at, any(random))];
        at += Duration::from_secs(random.u64(1..120));
        track.push((at, good(random)));
    }
    // Some lives have no storms at all, so that what fair weather promises is seen.
    let storms = random.u8(..4) > 0;
    loop {
        at += timing.refresh_interval.mul_f64(0.5 + 4.0 * random.f64());
        if at >= end {
            return track;
        }
        match random.u8(..4) {
            _ if !storms => {}
            0 => {
                // A second here, a second away.
                let fault = any(random);
                for _ in 0..random.u8(10..60) {
                    track.push((at, fault));
                    track.push((at + Duration::from_secs(1), Condition::Fine));
                    at += Duration::from_secs(2);
                }
            }
            1 => {
                track.push((at, any(random)));
                at += timing.max_stale.min(end).mul_f64(1.3 * random.f64());
            }
            _ => {
                track.push((at, any(random)));
                at += Duration::from_secs(random.u64(1..100));
            }
        }
        track.push((at, good(random)));
    }
}

/// Of the last entry that is not after `at`; each track begins at zero.
fn position<T>(track: &[(Duration, T)], at: Duration) -> usize {
    track.partition_point(|(from, _)| *from <= at) - 1
}

/// Since when `holds` without a break, if it does now.
fn since<T>(track: &[(Duration, T)], at: Duration, holds: impl Fn(&T) -> bool) -> Option<Duration> {
    let past = &track[..=position(track, at)];
    let run = past.iter().rev().take_while(|(_, value)| holds(value));
    run.last().map(|(from, _)| *from)
}
