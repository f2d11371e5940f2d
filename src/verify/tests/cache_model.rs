//! C1, C4, C5, C6: a world that changes at random (time, keys, configuration), and after each change every token is judged with the cache and
//! without: nothing that anybody can learn may differ. `PROPTEST_CASES=20000` looks harder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::cache::told;
use crate::clock::{Moment, UnixTime};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::key::VerificationKey;
use crate::keys::merge::merge;
use crate::keys::plan::fresh_enough;
use crate::keys::{DecryptionId, DecryptionKeySet, KeyLookup, KeySet, SourceId};
use crate::verify::testing::*;
use crate::verify::{
    Binding, BoundClaim, Counterparts, NoLog, Place, Presented, TokenCache, Verifier, judge,
};

/// Issuers, and sources of keys.
const ISSUERS: usize = 3;
/// A world begins long after its process.
const START: Duration = Duration::from_secs(10_000);

/// More than the tokens of a world need.
const ROOM: usize = 1024 * 1024;

/// Who signs: each with its algorithm. The last one has a shared secret.
fn signer(number: usize) -> (&'static Signer, Algorithm) {
    match number {
        0 => (es256(), Algorithm::Es256),
        1 => (other_es256(), Algorithm::Es256),
        2 => (ed25519(), Algorithm::EdDsa),
        _ => (secret(), Algorithm::Hs256),
    }
}

const KIDS: [&str; 3] = ["", r#""kid":"k1""#, r#""kid":"k2""#];

/// One token, and what is done to it after it was signed. Times are seconds from [`NOW`].
#[derive(Clone, Debug)]
struct TokenSpec {
    issuer: usize,
    signer: usize,
    kid: usize,
    for_us: bool,
    expires: i64,
    not_before: Option<i64>,
    issued: Option<i64>,
    nonce: bool,
    damage: Damage,
}

#[derive(Clone, Debug)]
enum Damage {
    None,
    /// One bit of one byte.
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Add(char),
    /// The signature of another token.
    Signature(prop::sample::Index),
    /// Header and payload of another token, under the own signature.
    Content(prop::sample::Index),
}

/// What the operator can say of an issuer.
#[derive(Clone, Debug)]
struct Setting {
    there: bool,
    for_us: bool,
    leeway: i64,
    max_age: Option<i64>,
    without: Option<usize>,
    bound: bool,
    source: usize,
}

/// A document with keys: kid and signer of each.
type Document = Vec<(usize, usize)>;

#[derive(Clone, Debug)]
enum Change {
    /// The wall clock steps, forward or back, to so many seconds from [`NOW`].
    Wall(i64),
    /// The wall clock steps to where a token's life begins or ends.
    WallTo(prop::sample::Index, Edge, i64),
    /// Both clocks go on.
    Pass(u64),
    /// They go on to where a key's retention, or the trust in a source, ends.
    PassToEnd(usize, i64),
    /// A source fetched this.
    Fetch(usize, Document),
    /// What a source holds is too old to trust, until it fetches something.
    Lose(usize),
    /// Another configuration; the sources begin anew with these documents, or go on.
    Reload(Vec<Setting>, Option<Vec<Document>>),
}

#[derive(Clone, Copy, Debug)]
enum Edge {
    Expires,
    NotBefore,
    Issued,
    TooOld,
}

/// What happens between two looks.
type Step = Vec<Change>;

/// As `keys::task` holds keys, without the fetching.
#[derive(Clone)]
struct Source {
    set: Arc<KeySet>,
    /// When it was fetched; none when it is not trusted any more.
    as_of: Option<Duration>,
    retention: Duration,
}

const MAX_STALE: Duration = Duration::from_secs(300);

#[derive(Clone)]
struct Sources(Vec<Source>);

impl KeyLookup for Sources {
    fn key_set(&self, source: SourceId, monotonic: Duration) -> Option<Arc<KeySet>> {
        let source = &self.0[source.0];
        source
            .is_trusted(monotonic)
            .then(|| Arc::clone(&source.set))
    }

    fn decryption_keys(&self, _: DecryptionId) -> Option<Arc<DecryptionKeySet>> {
        None
    }
}

impl Source {
    fn is_trusted(&self, now: Duration) -> bool {
        self.as_of
            .is_some_and(|as_of| fresh_enough(as_of, now, MAX_STALE))
    }

    fn fetch(&mut self, document: &Document, now: Duration) {
        let retention = match self.is_trusted(now) {
            true => self.retention,
            false => Duration::ZERO,
        };
        if let Some(set) = merge(&self.set, keys_of(document), now, retention) {
            self.set = Arc::new(set);
        }
        self.as_of = Some(now);
    }
}

impl Sources {
    fn begin(documents: &[Document], now: Duration) -> Self {
        let begin = |(number, document): (usize, &Document)| Source {
            set: Arc::new(KeySet::fixed(keys_of(document), number == 2)),
            as_of: Some(now),
            retention: Duration::from_secs([0, 50, 100][number]),
        };
        Self(documents.iter().enumerate().map(begin).collect())
    }

    /// When something of the source ends by itself, after `now`.
    fn next_end(&self, source: usize, now: Duration) -> Option<Duration> {
        let source = &self.0[source];
        let retained = source.set.keys().iter().filter_map(|held| held.good_until);
        let ends = retained.chain(source.as_of.map(|as_of| as_of + MAX_STALE));
        ends.filter(|end| *end > now).min()
    }
}

fn keys_of(document: &Document) -> Vec<VerificationKey> {
    let key = |&(kid, number): &(usize, usize)| match signer(number).0 {
        Signer::Secret(bytes) => {
            VerificationKey::from_secret(bytes, AlgorithmSet::symmetric()).unwrap()
        }
        public => public_keys(&[public.jwk(KIDS[kid])]).pop().unwrap(),
    };
    document.iter().map(key).collect()
}

/// The gate at one time: a configuration with its keys.
struct Gate {
    verifier: Verifier,
    settings: Vec<Setting>,
    sources: Sources,
}

impl Gate {
    fn new(settings: Vec<Setting>, sources: Sources) -> Self {
        let numbered = settings.iter().enumerate().filter(|(_, s)| s.there);
        let issuers = numbered.map(|(number, setting)| {
            let mut issuer = named_issuer(NAMES[number], &iss(number), setting.source);
            issuer.algorithms = Algorithm::ALL
                .into_iter()
                .filter(|algorithm| setting.without.is_none_or(|no| signer(no).1 != *algorithm))
                .collect();
            if !setting.for_us {
                issuer.audiences = Some(vec!["other".to_owned()]);
            }
            issuer.leeway = setting.leeway;
            issuer.max_age = setting.max_age;
            if setting.bound {
                let claim = BoundClaim::Nonce;
                let place = place();
                issuer.bindings = [Binding { claim, place }].into();
            }
            issuer
        });
        Self {
            verifier: verifier_of(issuers.collect()),
            settings,
            sources,
        }
    }
}

const NAMES: [&str; ISSUERS] = ["a", "b", "c"];

fn iss(number: usize) -> String {
    format!("https://{number}.example")
}

fn place() -> Place {
    Place::Cookie {
        name: "n".to_owned(),
    }
}

struct World {
    now: Moment,
    gate: Gate,
    /// The one before the last reload: of requests that began under it.
    old: Option<Gate>,
    specs: Vec<TokenSpec>,
    tokens: Vec<Vec<u8>>,
    cache: TokenCache,
    /// Nothing is forgotten for want of room.
    roomy: bool,
}

impl World {
    fn begin(specs: Vec<TokenSpec>, settings: Vec<Setting>, room: usize) -> Self {
        let documents = [vec![(1, 0), (2, 2)], vec![(1, 1), (0, 2)], vec![(0, 3)]];
        Self {
            now: Moment {
                wall: UnixTime(NOW),
                monotonic: START,
            },
            gate: Gate::new(settings, Sources::begin(&documents, START)),
            old: None,
            tokens: mint_all(&specs),
            specs,
            cache: TokenCache::new(room),
            roomy: room >= ROOM,
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Wall(seconds) => self.now.wall.0 = NOW + seconds,
            Change::WallTo(token, edge, off) => {
                let spec = token.get(&self.specs);
                let setting = &self.gate.settings[spec.issuer];
                let leeway = setting.leeway;
                let at = match edge {
                    Edge::Expires => Some(spec.expires + leeway),
                    Edge::NotBefore => spec.not_before.map(|at| at - leeway),
                    Edge::Issued => spec.issued.map(|at| at - leeway),
                    Edge::TooOld => spec
                        .issued
                        .zip(setting.max_age)
                        .map(|(at, age)| at + age + leeway),
                };
                self.now.wall.0 = NOW + at.unwrap_or(0) + off;
            }
            Change::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
            Change::PassToEnd(source, off) => {
                let now = self.now.monotonic;
                if let Some(end) = self.gate.sources.next_end(source, now) {
                    let until = end.as_secs().saturating_add_signed(off);
                    self.pass(Duration::from_secs(until).saturating_sub(now));
                }
            }
            Change::Fetch(source, document) => {
                let now = self.now.monotonic;
                self.gate.sources.0[source].fetch(&document, now);
            }
            Change::Lose(source) => self.gate.sources.0[source].as_of = None,
            Change::Reload(settings, documents) => {
                let sources = match documents {
                    Some(documents) => Sources::begin(&documents, self.now.monotonic),
                    None => self.gate.sources.clone(),
                };
                let new = Gate::new(settings, sources);
                self.old = Some(std::mem::replace(&mut self.gate, new));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall.0 += i64::try_from(time.as_secs()).unwrap();
    }

    /// Every token, by the gate and by the one before it, in a request that it may be bound to and in others.
    fn look(&mut self, seen: &mut Seen) -> Result<(), TestCaseError> {
        let place = place();
        for gate in [Some(&self.gate), self.old.as_ref()].into_iter().flatten() {
            let newest = std::ptr::eq(gate, &self.gate);
            for (number, token) in self.tokens.iter().enumerate() {
                for (time, nonce) in ["right", "wrong", "right"].into_iter().enumerate() {
                    let found = [(&place, Ok(nonce.as_bytes().to_vec()))];
                    let request: Counterparts<'_> = found.into_iter().collect();
                    let presented = Presented {
                        token,
                        request: &request,
                    };
                    let (now, keys) = (self.now, &gate.sources);
                    let before = self.cache.entries();
                    let (judged, hit) =
                        judge(&gate.verifier, &mut self.cache, presented, now, keys);
                    let fresh = gate.verifier.verify(presented, now, keys, &mut NoLog);
                    prop_assert_eq!(told(&judged), told(&fresh), "token {}", number);
                    let reason = verdict(&fresh);
                    let good = matches!(reason, "ok" | "binding_mismatch");
                    prop_assert!(good || self.cache.entries() <= before, "{} is held", reason);
                    if good && time > 0 && newest && self.roomy {
                        prop_assert!(hit, "forgotten");
                    }
                    prop_assert!(newest || !hit, "an old verifier shares what is remembered");
                    prop_assert!(self.cache.bytes() <= self.cache.max_bytes());
                    seen.count(reason, hit);
                }
            }
        }
        Ok(())
    }
}

fn mint_all(specs: &[TokenSpec]) -> Vec<Vec<u8>> {
    let whole: Vec<String> = specs.iter().map(signed).collect();
    let parts = |index: &prop::sample::Index| index.get(&whole).rsplit_once('.').unwrap();
    let damaged = |(spec, token): (&TokenSpec, &String)| {
        let (content, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = token.clone().into_bytes();
        match &spec.damage {
            Damage::None => {}
            Damage::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Add(sign) => bytes.extend(sign.to_string().bytes()),
            Damage::Signature(of) => bytes = format!("{content}.{}", parts(of).1).into_bytes(),
            Damage::Content(of) => bytes = format!("{}.{signature}", parts(of).0).into_bytes(),
        }
        bytes
    };
    specs.iter().zip(&whole).map(damaged).collect()
}

fn signed(spec: &TokenSpec) -> String {
    let (signer, algorithm) = signer(spec.signer);
    let mut header = format!(r#""alg":"{}""#, algorithm.name());
    if spec.kid > 0 {
        header += &format!(",{}", KIDS[spec.kid]);
    }
    let mut claims = format!(
        r#""iss":"{}","sub":"alice","aud":"{}","exp":{}"#,
        iss(spec.issuer),
        if spec.for_us { AUDIENCE } else { "nobody" },
        NOW + spec.expires
    );
    let times = [("nbf", spec.not_before), ("iat", spec.issued)];
    for (name, at) in times {
        claims += &at.map_or(String::new(), |at| format!(r#","{name}":{}"#, NOW + at));
    }
    claims += if spec.nonce {
        r#","nonce":"right""#
    } else {
        ""
    };
    let (header, claims) = (format!("{{{header}}}"), format!("{{{claims}}}"));
    mint(signer, algorithm, &header, &claims)
}

/// Mostly good, so that there is something to remember: the issuers' own signers, living now.
fn spec() -> impl Strategy<Value = TokenSpec> {
    let own = prop_oneof![
        3 => Just((0_usize, 0_usize, 1_usize)),
        2 => Just((0, 2, 2)),
        3 => Just((1, 1, 1)),
        2 => Just((1, 2, 0)),
        3 => Just((2, 3, 0)),
        2 => (0..ISSUERS, 0..4_usize, 0..3_usize),
    ];
    let damage = prop_oneof![
        16 => Just(Damage::None),
        2 => (any::<prop::sample::Index>(), 0..7_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => prop::sample::select(vec!['=', 'A', '.', ' ', '\0']).prop_map(Damage::Add),
        2 => any::<prop::sample::Index>().prop_map(Damage::Signature),
        2 => any::<prop::sample::Index>().prop_map(Damage::Content),
    ];
    (
        own,
        prop::bool::weighted(0.9),
        1..400_i64,
        prop::option::weighted(0.5, -100..20_i64),
        prop::option::weighted(0.9, -100..20_i64),
        prop::bool::weighted(0.7),
        damage,
    )
        .prop_map(
            |((issuer, signer, kid), for_us, expires, not_before, issued, nonce, damage)| {
                TokenSpec {
                    issuer,
                    signer,
                    kid,
                    for_us,
                    expires,
                    not_before,
                    issued,
                    nonce,
                    damage,
                }
            },
        )
}

fn settings() -> impl Strategy<Value = Vec<Setting>> {
    let setting = |number: usize| {
        (
            prop::bool::weighted(0.9),
            prop::bool::weighted(0.9),
            prop::sample::select(vec![0, 30, 300]),
            prop::option::weighted(0.5, prop::sample::select(vec![60, 200])),
            prop::option::weighted(0.1, 0..4_usize),
            prop::bool::weighted(0.3),
            prop_oneof![9 => Just(number), 1 => 0..ISSUERS],
        )
            .prop_map(
                |(there, for_us, leeway, max_age, without, bound, source)| Setting {
                    there,
                    for_us,
                    leeway,
                    max_age,
                    without,
                    bound,
                    source,
                },
            )
    };
    (0..ISSUERS).map(setting).collect::<Vec<_>>()
}

fn document() -> impl Strategy<Value = Document> {
    prop::collection::vec((0..3_usize, 0..4_usize), 1..4)
}

fn change() -> impl Strategy<Value = Change> {
    let edge = prop::sample::select(vec![
        Edge::Expires,
        Edge::NotBefore,
        Edge::Issued,
        Edge::TooOld,
    ]);
    prop_oneof![
        4 => (-60..120_i64).prop_map(Change::Wall),
        6 => (any::<prop::sample::Index>(), edge, -1..=1_i64)
            .prop_map(|(token, edge, off)| Change::WallTo(token, edge, off)),
        1 => (0..200_u64).prop_map(Change::Pass),
        3 => (0..ISSUERS, -1..=1_i64).prop_map(|(source, off)| Change::PassToEnd(source, off)),
        5 => (0..ISSUERS, document()).prop_map(|(source, keys)| Change::Fetch(source, keys)),
        1 => (0..ISSUERS).prop_map(Change::Lose),
        2 => (settings(), prop::option::of(prop::collection::vec(document(), ISSUERS)))
            .prop_map(|(settings, documents)| Change::Reload(settings, documents)),
    ]
}

/// How often each verdict came, from the cache and not: a world in which nothing happens proves nothing.
#[derive(Default)]
struct Seen(BTreeMap<(&'static str, bool), usize>);

impl Seen {
    fn count(&mut self, reason: &'static str, hit: bool) {
        *self.0.entry((reason, hit)).or_default() += 1;
    }
}

#[test]
fn c01_c04_c05_c06_cached_equals_uncached_for_any_tokens_times_keys_and_verifiers() {
    let mut runner = TestRunner::new(ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::default()
    });
    let world = (
        prop::collection::vec(spec(), 1..10),
        settings(),
        prop_oneof![1 => Just(0_usize), 2 => Just(4 * 1024), 4 => Just(ROOM)],
        prop::collection::vec(prop::collection::vec(change(), 0..4), 1..10),
    );
    let seen = std::cell::RefCell::new(Seen::default());
    let result = runner.run(
        &world,
        |(specs, settings, room, steps): (_, _, _, Vec<Step>)| {
            let mut world = World::begin(specs, settings, room);
            let mut seen = seen.borrow_mut();
            world.look(&mut seen)?;
            for step in steps {
                for change in step {
                    world.change(change);
                }
                world.look(&mut seen)?;
            }
            Ok(())
        },
    );
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let seen = seen.into_inner().0;
    for (reason, hits) in [
        ("ok", &[true, false][..]),
        ("binding_mismatch", &[true, false]),
        ("token_expired", &[true, false]),
        ("token_not_yet_valid", &[true, false]),
        ("issued_in_future", &[true, false]),
        ("token_too_old", &[true, false]),
        ("unknown_key", &[false]),
        ("bad_signature", &[false]),
        ("keys_unavailable", &[false]),
        ("audience_mismatch", &[false]),
        ("unknown_issuer", &[false]),
        ("algorithm_not_allowed", &[false]),
        ("malformed_token", &[false]),
    ] {
        for hit in hits {
            let count = seen.get(&(reason, *hit)).copied().unwrap_or_default();
            assert!(count > 0, "never {reason}, from the cache: {hit}: {seen:?}");
        }
    }
}
