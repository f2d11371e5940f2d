//! What tokens are judged in: the clock, the configuration, the keys; and how it changes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::prop;
use serde_json::json;

use super::ROOM;
use super::tokens::{KIDS, TokenSpec, mint_all, recipient, signer};
use crate::clock::{Moment, UnixTime};
use crate::identity::encoding::Encoding;
use crate::identity::format::Format;
use crate::identity::mapping::{ClaimSource, Missing};
use crate::identity::{HeaderRule, Mapping};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::jwe::{Encryption, KeyManagement};
use crate::jose::key::VerificationKey;
use crate::keys::merge::merge;
use crate::keys::plan::fresh_enough;
use crate::keys::{DecryptionId, DecryptionKeySet, KeyLookup, KeySet, SourceId};
use crate::verify::testing::*;
use crate::verify::{Binding, BoundClaim, Decryption, Place, TokenCache, VerifiedToken, Verifier};

/// Issuers, and sources of keys.
pub(super) const ISSUERS: usize = 3;
const NAMES: [&str; ISSUERS] = ["a", "b", "c"];
/// Sources of private keys.
pub(super) const PRIVATE: usize = 2;
/// A world begins long after its process.
const START: Duration = Duration::from_secs(10_000);
const MAX_STALE: Duration = Duration::from_secs(300);

/// What the operator says of an issuer.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub there: bool,
    pub for_us: bool,
    pub leeway: i64,
    pub max_age: Option<i64>,
    /// A signer whose algorithm is not allowed.
    pub without: Option<usize>,
    pub bound: bool,
    pub source: usize,
    pub private: Option<usize>,
}

/// A document with keys: kid and signer of each.
pub(super) type Document = Vec<(usize, usize)>;

#[derive(Clone, Debug)]
pub(super) enum Change {
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
    /// A source of private keys holds these: kid and recipient of each.
    Private(usize, Document),
    /// Another configuration; the sources begin anew with these documents, or go on.
    Reload(Vec<Setting>, Option<Vec<Document>>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Edge {
    Expires,
    NotBefore,
    Issued,
    TooOld,
}

pub(super) struct World {
    pub now: Moment,
    pub gate: Gate,
    /// The one before the last reload: of requests that began under it.
    pub old: Option<Gate>,
    pub tokens: Vec<Vec<u8>>,
    pub cache: TokenCache,
    /// Whose lines the cache attaches: not always those of the gate.
    attaches: Rc<RefCell<Mapping>>,
    /// The number of the next one.
    gates: usize,
    specs: Vec<TokenSpec>,
}

/// The gate at one time: a configuration with its keys.
pub(super) struct Gate {
    pub verifier: Verifier,
    pub mapping: Mapping,
    pub sources: Sources,
    settings: Vec<Setting>,
}

#[derive(Clone)]
pub(super) struct Sources {
    public: Vec<Source>,
    private: Vec<Arc<DecryptionKeySet>>,
}

/// As `keys::task` holds keys, without the fetching.
#[derive(Clone)]
struct Source {
    set: Arc<KeySet>,
    /// When it was fetched; none when it is not trusted any more.
    as_of: Option<Duration>,
    retention: Duration,
}

pub(super) fn iss(number: usize) -> String {
    format!("https://{number}.example")
}

/// Where the counterpart of `nonce` is.
pub(super) fn place() -> Place {
    Place::Cookie {
        name: "n".to_owned(),
    }
}

impl World {
    pub(super) fn begin(specs: &[TokenSpec], settings: Vec<Setting>, room: usize) -> Self {
        let public = [vec![(1, 0), (2, 2)], vec![(1, 1), (0, 2)], vec![(0, 3)]];
        let private = [vec![(1, 0), (2, 1)], vec![(1, 2), (0, 3)]];
        let sources = Sources {
            public: begun(&public, START),
            private: private.iter().map(private_set).collect(),
        };
        assert!(room <= ROOM);
        let number = specs.len();
        let gate = Gate::new(settings, sources, number);
        let attaches = match number % 4 {
            0 => mapping(number + 1),
            _ => gate.mapping.for_worker(),
        };
        let attaches = Rc::new(RefCell::new(attaches));
        let attached = Rc::clone(&attaches);
        let attach = move |token: &VerifiedToken| attached.borrow().attachment(token);
        Self {
            now: Moment {
                wall: UnixTime(NOW),
                monotonic: START,
            },
            gate,
            old: None,
            tokens: mint_all(specs),
            specs: specs.to_vec(),
            cache: TokenCache::new(room).attaching(attach),
            attaches,
            gates: number + 1,
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        let now = self.now.monotonic;
        let sources = &mut self.gate.sources;
        match change {
            Change::Wall(seconds) => self.now.wall.0 = NOW + seconds,
            Change::WallTo(token, edge, off) => {
                let at = self.edge(token.get(&self.specs), edge).unwrap_or(0);
                self.now.wall.0 = NOW + at + off;
            }
            Change::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
            Change::PassToEnd(source, off) => {
                if let Some(end) = sources.public[source].next_end(now) {
                    let until = end.as_secs().saturating_add_signed(off);
                    self.pass(Duration::from_secs(until).saturating_sub(now));
                }
            }
            Change::Fetch(source, document) => sources.public[source].fetch(&document, now),
            Change::Lose(source) => sources.public[source].as_of = None,
            Change::Private(source, document) => sources.private[source] = private_set(&document),
            Change::Reload(settings, documents) => {
                let mut sources = sources.clone();
                if let Some(documents) = documents {
                    sources.public = begun(&documents, now);
                }
                let new = Gate::new(settings, sources, self.gates);
                if !self.gates.is_multiple_of(4) {
                    self.attaches.replace(new.mapping.for_worker());
                }
                self.gates += 1;
                self.old = Some(std::mem::replace(&mut self.gate, new));
            }
        }
    }

    /// Seconds from [`NOW`] when the token's life begins or ends under its issuer's settings.
    fn edge(&self, token: &TokenSpec, edge: Edge) -> Option<i64> {
        let setting = &self.gate.settings[token.issuer];
        let leeway = setting.leeway;
        match edge {
            Edge::Expires => Some(token.expires + leeway),
            Edge::NotBefore => Some(token.not_before? - leeway),
            Edge::Issued => Some(token.issued? - leeway),
            Edge::TooOld => Some(token.issued? + setting.max_age? + leeway),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall.0 += i64::try_from(time.as_secs()).unwrap();
    }
}

impl Gate {
    fn new(settings: Vec<Setting>, sources: Sources, number: usize) -> Self {
        let there = |(_, setting): &(usize, &Setting)| setting.there;
        let issuers = settings.iter().enumerate().filter(there);
        let issuers = issuers.map(|(number, setting)| {
            let mut issuer = named_issuer(NAMES[number], &iss(number), setting.source);
            let no = setting.without.map(|number| signer(number).1);
            let algorithms = Algorithm::ALL.into_iter();
            issuer.algorithms = algorithms.filter(|one| Some(*one) != no).collect();
            if !setting.for_us {
                issuer.audiences = Some(vec!["other".to_owned()]);
            }
            issuer.leeway = setting.leeway;
            issuer.max_age = setting.max_age;
            issuer.decryption = setting.private.map(|source| Decryption {
                source: DecryptionId(source),
                algorithms: vec![KeyManagement::Dir],
                encryptions: vec![Encryption::A256Gcm],
                required: false,
            });
            if setting.bound {
                let claim = BoundClaim::Nonce;
                let place = place();
                issuer.bindings = [Binding { claim, place }].into();
            }
            issuer
        });
        Self {
            verifier: verifier_of(issuers.collect()),
            mapping: mapping(number),
            settings,
            sources,
        }
    }
}

/// Three ways to write what tokens say; the last one refuses those that have no `nonce`.
fn mapping(number: usize) -> Mapping {
    let rule = |header: &str, claim: &str, missing| HeaderRule {
        header: header.to_ascii_lowercase().parse().unwrap(),
        spelling: header.to_owned(),
        source: ClaimSource::Claim(vec![claim.to_owned()]),
        format: Format::Text,
        encoding: Encoding::Percent,
        missing,
        max_bytes: None,
    };
    let expires = rule("X-Expires", "exp", Missing::Omit);
    match number % 3 {
        0 => Mapping::of(vec![rule("X-Issuer", "iss", Missing::Omit), expires], 1_000),
        1 => Mapping::default_set(1_000),
        _ => Mapping::of(
            vec![expires, rule("X-Nonce", "nonce", Missing::Reject)],
            1_000,
        ),
    }
}

impl KeyLookup for Sources {
    fn key_set(&self, source: SourceId, monotonic: Duration) -> Option<Arc<KeySet>> {
        let source = &self.public[source.0];
        let trusted = source.is_trusted(monotonic);
        trusted.then(|| Arc::clone(&source.set))
    }

    fn decryption_keys(&self, source: DecryptionId) -> Option<Arc<DecryptionKeySet>> {
        self.private.get(source.0).cloned()
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

    /// When something of it ends by itself, after `now`.
    fn next_end(&self, now: Duration) -> Option<Duration> {
        let retained = self.set.keys().iter().filter_map(|held| held.good_until);
        let ends = retained.chain(self.as_of.map(|as_of| as_of + MAX_STALE));
        ends.filter(|end| *end > now).min()
    }
}

fn begun(documents: &[Document], now: Duration) -> Vec<Source> {
    let begin = |(number, document): (usize, &Document)| Source {
        set: Arc::new(KeySet::fixed(keys_of(document), number == 2)),
        as_of: Some(now),
        retention: Duration::from_secs([0, 50, 100][number]),
    };
    documents.iter().enumerate().map(begin).collect()
}

fn keys_of(document: &Document) -> Vec<VerificationKey> {
    let key = |&(kid, number): &(usize, usize)| match signer(number).0 {
        Signer::Secret(bytes) => {
            VerificationKey::from_secret(bytes, AlgorithmSet::symmetric()).unwrap()
        }
        public => {
            let name = format!(r#""kid":"{}""#, KIDS[kid]);
            let jwk = public.jwk(if kid == 0 { "" } else { &name });
            public_keys(&[jwk]).pop().unwrap()
        }
    };
    document.iter().map(key).collect()
}

fn private_set(document: &Document) -> Arc<DecryptionKeySet> {
    let key = |&(kid, number): &(usize, usize)| match kid {
        0 => recipient(number).jwk(json!({})),
        kid => recipient(number).jwk(json!({"kid": KIDS[kid]})),
    };
    let keys: Vec<_> = document.iter().map(key).collect();
    let document = json!({"keys": keys}).to_string();
    let read = crate::keys::decryption::parse(document.as_bytes()).unwrap();
    Arc::new(DecryptionKeySet::new(read.keys))
}
