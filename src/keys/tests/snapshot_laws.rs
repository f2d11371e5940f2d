//! What is written is read again, and nothing else is. Without a disk: bytes and clocks are made here.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::{Boot, Moment, UnixTime};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::jwk::{KeyPolicy, MAX_KEYS, SkipReason, read_set};
use crate::jose::key::VerificationKey;
use crate::keys::fetch::{FetchSettings, only_roots};
use crate::keys::merge::MAX_RETAINED;
use crate::keys::plan::Timing;
use crate::keys::set::{HeldKey, KeySet};
use crate::keys::snapshot::{
    Fetched, Identity, Ignored, MAX_BYTES, Reading, Restored, Saved, decode, encode, sha256,
};
use crate::keys::source::{FileFormat, Origin, SourceConfig};
use crate::keys::testing::{config, document, jwk, settings, timing};
use crate::keys::url::KeyUrl;

const HOUR: Duration = Duration::from_secs(3600);
/// When the keys of these tests are fetched.
const FETCHED: i64 = 1_700_000_000;

fn url(text: &str) -> KeyUrl {
    KeyUrl::parse(text, true).unwrap()
}

fn discovery() -> SourceConfig {
    let origin = Origin::Discovery {
        url: url("https://id.example/.well-known/openid-configuration"),
        issuer: "https://id.example".to_owned(),
        fetch: settings(),
    };
    config("staff", origin)
}

fn identity() -> Identity {
    Identity::of(&discovery()).unwrap()
}

fn public_key(kid: &str) -> VerificationKey {
    let set = document(&[&jwk(kid)]);
    let mut read = read_set(set.as_bytes(), &KeyPolicy::default()).unwrap();
    read.keys.pop().unwrap()
}

fn held(kid: &str, good_until: Option<Duration>) -> HeldKey {
    HeldKey {
        key: Arc::new(public_key(kid)),
        good_until,
    }
}

fn boot(id: &str, uptime: u64) -> Option<Boot> {
    Some(Boot {
        id: id.into(),
        uptime: Duration::from_secs(uptime),
    })
}

/// Two keys and one that left and is good for an hour, fetched at [`FETCHED`] and 5000 s after the start of the machine.
static SNAPSHOT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let as_of = 10 * HOUR;
    let keys = vec![
        held("a", None),
        held("b", None),
        held("old", Some(as_of + HOUR)),
    ];
    let set = KeySet::assembled(7, keys, false);
    let fetched = Fetched::ago(Duration::ZERO, UnixTime(FETCHED), boot("x", 5000));
    encode(&identity(), &fetched, &Saved { set: &set, as_of }).unwrap()
});

/// What a snapshot is read with; by default a minute after it was fetched, by another machine, with a retention of a day.
struct Reader {
    source: SourceConfig,
    wall: i64,
    monotonic: Duration,
    boot: Option<Boot>,
}

impl Reader {
    fn new() -> Self {
        let mut source = discovery();
        source.timing.retention = 24 * HOUR;
        Self {
            source,
            wall: FETCHED + 60,
            monotonic: 1000 * HOUR,
            boot: None,
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Restored, Ignored> {
        decode(
            bytes,
            &Reading {
                identity: &Identity::of(&self.source).unwrap(),
                timing: self.source.timing,
                policy: &self.source.policy,
                now: Moment {
                    wall: UnixTime(self.wall),
                    monotonic: self.monotonic,
                },
                boot: self.boot.clone(),
            },
        )
    }

    fn why_not(&self, bytes: &[u8]) -> Ignored {
        match self.read(bytes) {
            Ok(_) => panic!("it was taken"),
            Err(why) => why,
        }
    }

    /// Kids, and how much longer those are good that have left.
    fn keys(&self, bytes: &[u8]) -> Vec<(String, Option<u64>)> {
        let restored = self.read(bytes).unwrap_or_else(|why| panic!("{why}"));
        let left = |held: &HeldKey| Some((held.good_until? - self.monotonic).as_secs());
        let keys = restored.set.keys().iter();
        keys.map(|held| (held.key.kid.as_deref().unwrap().to_owned(), left(held)))
            .collect()
    }
}

/// The body with the digest that belongs to it: what somebody writes who knows how.
fn sealed(body: &str) -> Vec<u8> {
    format!("claimgate-keys 1 {}\n{body}", sha256(body.as_bytes())).into_bytes()
}

fn body() -> String {
    let text = String::from_utf8(SNAPSHOT.clone()).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn k12_what_was_written_is_read_with_its_age() {
    let reader = Reader::new();
    let restored = reader.read(&SNAPSHOT).unwrap_or_else(|why| panic!("{why}"));
    // Whole seconds: one more, so that nothing looks younger than it is.
    assert_eq!(restored.age, Duration::from_secs(61));
    assert_eq!(
        restored.as_of,
        reader.monotonic - Duration::from_secs(61),
        "from here on the monotonic clock counts"
    );
    assert_eq!(restored.fetched.at, UnixTime(FETCHED));
    assert!(restored.skipped.is_empty());
    let expected = [
        ("a".to_owned(), None),
        ("b".to_owned(), None),
        ("old".to_owned(), Some(3600 - 61)),
    ];
    assert_eq!(reader.keys(&SNAPSHOT), expected);
}

#[test]
fn k06_damage_at_any_byte_is_noticed() {
    let reader = Reader::new();
    for position in 0..SNAPSHOT.len() {
        for change in [1, 0x20, 0x80] {
            let mut damaged = SNAPSHOT.clone();
            damaged[position] ^= change;
            let why = reader.why_not(&damaged);
            assert!(
                matches!(why, Ignored::Damaged(_) | Ignored::OtherVersion),
                "{position}: {why:?}"
            );
        }
    }
}

#[test]
fn k06_a_part_of_a_snapshot_or_more_than_one_is_none() {
    let reader = Reader::new();
    for length in 0..SNAPSHOT.len() {
        let why = reader.why_not(&SNAPSHOT[..length]);
        let noticed = matches!(why, Ignored::Damaged(_) | Ignored::OtherVersion);
        assert!(noticed, "{length}: {why:?}");
    }
    for more in [&b"\n"[..], b"\0", b" ", &SNAPSHOT] {
        let why = reader.why_not(&[&SNAPSHOT[..], more].concat());
        assert!(matches!(why, Ignored::Damaged(_)), "{why:?}");
    }
}

#[test]
fn another_version_is_not_guessed_at() {
    let text = String::from_utf8(SNAPSHOT.clone()).unwrap();
    let newer = text.replacen("claimgate-keys 1 ", "claimgate-keys 2 ", 1);
    let why = Reader::new().why_not(newer.as_bytes());
    assert_eq!(why, Ignored::OtherVersion);
}

/// Sources that differ from [`discovery`] in one thing each.
fn others() -> Vec<SourceConfig> {
    let authority = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let with = |change: &dyn Fn(&mut FetchSettings)| {
        let mut other = discovery();
        if let Origin::Discovery { fetch, .. } = &mut other.origin {
            change(fetch);
        }
        other
    };
    let at = |address: &str, issuer: &str| {
        let origin = Origin::Discovery {
            url: url(address),
            issuer: issuer.to_owned(),
            fetch: settings(),
        };
        config("staff", origin)
    };
    let place = "https://id.example/.well-known/openid-configuration";
    let jwks = Origin::JwksUrl {
        url: url(place),
        fetch: settings(),
    };
    let mut uses = discovery();
    uses.policy.accepted_use.push("enc".to_owned());
    let mut default_keys = discovery();
    default_keys.policy.allow_public_default_key = true;
    let mut name = discovery();
    name.issuer = "partners".into();
    vec![
        name,
        at("https://id.example/other", "https://id.example"),
        at(place, "https://id.example/"),
        config("staff", jwks),
        with(&|fetch| fetch.tls = only_roots(authority.cert.pem().as_bytes()).unwrap()),
        with(&|fetch| fetch.allow_http = true),
        with(&|fetch| fetch.same_origin = true),
        uses,
        default_keys,
    ]
}

#[test]
fn k09_a_snapshot_of_another_source_is_not_used_and_is_in_another_file() {
    let mut names = vec![identity().file_name()];
    for other in others() {
        names.push(Identity::of(&other).unwrap().file_name());
        let reader = Reader {
            source: other,
            ..Reader::new()
        };
        assert_eq!(reader.why_not(&SNAPSHOT), Ignored::Foreign);
    }
    for name in &names {
        let digest = name
            .strip_prefix("keys-")
            .and_then(|name| name.strip_suffix(".snapshot"));
        assert!(digest.unwrap().bytes().all(|b| b.is_ascii_hexdigit()));
    }
    let number = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), number);
}

#[test]
fn times_and_the_way_that_tls_protects_may_change() {
    let mut same = discovery();
    same.timing.max_stale = HOUR;
    same.required_for_ready = false;
    if let Origin::Discovery { fetch, .. } = &mut same.origin {
        fetch.proxy = Some("http://egress:3128".parse().unwrap());
    }
    assert_eq!(Identity::of(&same), Some(identity()));
    // Over plain http the way is all there is.
    let plain = |proxy: Option<&str>| {
        let fetch = FetchSettings {
            proxy: proxy.map(|proxy| proxy.parse().unwrap()),
            ..settings()
        };
        let url = url("http://id.internal/jwks");
        Identity::of(&config("staff", Origin::JwksUrl { url, fetch })).unwrap()
    };
    assert_ne!(plain(None), plain(Some("http://egress:3128")));
}

#[test]
fn what_is_not_fetched_has_no_snapshot() {
    let file = Origin::File {
        path: "/run/secrets/jwks".into(),
        format: FileFormat::Jwks,
    };
    let secret = VerificationKey::from_secret(
        b"thirty-two bytes of a good secret",
        AlgorithmSet::symmetric(),
    )
    .unwrap();
    let mut keys = crate::jose::jwk::ReadKeys::default();
    keys.keys.push(secret);
    let secret = Origin::Fixed {
        keys,
        any_kid: true,
    };
    for origin in [file, secret] {
        assert_eq!(Identity::of(&config("staff", origin)), None);
    }
}

#[test]
fn a_secret_is_never_written() {
    let secret = b"thirty-two bytes of a good secret";
    let symmetric = || HeldKey {
        key: Arc::new(VerificationKey::from_secret(secret, AlgorithmSet::symmetric()).unwrap()),
        good_until: None,
    };
    let written = |keys| {
        let set = KeySet::assembled(1, keys, false);
        let as_of = Duration::ZERO;
        let fetched = Fetched::ago(Duration::ZERO, UnixTime(FETCHED), None);
        encode(&identity(), &fetched, &Saved { set: &set, as_of })
    };
    assert_eq!(written(vec![symmetric()]), None);
    assert_eq!(written(vec![]), None);
    let bytes = written(vec![symmetric(), held("a", None)]).unwrap();
    let found = Reader::new().keys(&bytes);
    assert_eq!(found, [("a".to_owned(), None)]);
    let text = String::from_utf8(bytes).unwrap();
    for kty in ["oct", "\"k\"", "\"d\""] {
        assert!(!text.contains(kty), "{text}");
    }
}

#[test]
fn k06_a_snapshot_is_trusted_up_to_max_stale_and_not_longer() {
    let at = |age: i64| Reader {
        wall: FETCHED + age,
        ..Reader::new()
    };
    let day = 24 * 3600;
    assert!(at(day - 1).read(&SNAPSHOT).is_ok());
    for age in [day, day + 1, 400 * day, i64::MAX - FETCHED] {
        let why = at(age).why_not(&SNAPSHOT);
        assert!(matches!(why, Ignored::TooOld { .. }), "{age}: {why:?}");
    }
    let mut impatient = at(60);
    impatient.source.timing.max_stale = Duration::from_secs(60);
    assert!(matches!(
        impatient.why_not(&SNAPSHOT),
        Ignored::TooOld { .. }
    ));
    // Older than this process can say: not the start of time, but nothing.
    let young = Reader {
        monotonic: Duration::from_secs(30),
        ..at(60)
    };
    assert!(matches!(young.why_not(&SNAPSHOT), Ignored::TooOld { .. }));
}

#[test]
fn k06_a_snapshot_of_the_future_is_not_used() {
    let at = |wall| Reader {
        wall,
        ..Reader::new()
    };
    for wall in [FETCHED - 31, 0, -1, i64::MIN] {
        let why = at(wall).why_not(&SNAPSHOT);
        assert!(
            matches!(why, Ignored::FromTheFuture { .. }),
            "{wall}: {why:?}"
        );
    }
    // As far as two clocks may differ; and then it is no younger than new.
    for wall in [FETCHED - 30, FETCHED] {
        let restored = at(wall)
            .read(&SNAPSHOT)
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(restored.age, Duration::from_secs(1));
    }
}

#[test]
fn k06_a_clock_that_was_set_back_makes_no_snapshot_younger_on_the_same_start_of_the_machine() {
    let after = |wall: i64, id: &str, uptime: u64| Reader {
        wall: FETCHED + wall,
        boot: boot(id, uptime),
        ..Reader::new()
    };
    let age = |reader: Reader| match reader.read(&SNAPSHOT) {
        Ok(restored) => Ok(restored.age.as_secs()),
        Err(why) => Err(why),
    };
    // The clock says a minute, the machine has been up for 20 hours more.
    assert_eq!(age(after(60, "x", 5000 + 72_000)), Ok(72_001));
    let day = after(60, "x", 5000 + 86_400);
    assert!(matches!(age(day), Err(Ignored::TooOld { .. })));
    // The older of both counts, and an uptime that went back says nothing.
    assert_eq!(age(after(3600, "x", 5060)), Ok(3601));
    assert_eq!(age(after(60, "x", 10)), Ok(61));
    // Another start of the machine, or another machine: there is only the wall clock.
    assert_eq!(age(after(60, "y", 5000 + 86_400)), Ok(61));
}

#[test]
fn k07_a_key_that_had_left_is_good_as_long_as_it_was_to_be() {
    let old = |change: &dyn Fn(&mut Reader)| {
        let mut reader = Reader::new();
        change(&mut reader);
        let keys = reader.keys(&SNAPSHOT);
        keys.iter()
            .find(|(kid, _)| kid == "old")
            .map(|(_, left)| left.unwrap())
    };
    assert_eq!(old(&|_| ()), Some(3600 - 61));
    assert_eq!(old(&|reader| reader.wall = FETCHED + 3598), Some(1));
    assert_eq!(old(&|reader| reader.wall = FETCHED + 3599), None);
    // A retention that was shortened since counts, and one that was lengthened does not.
    let retention =
        |seconds| old(&|reader| reader.source.timing.retention = Duration::from_secs(seconds));
    assert_eq!(retention(10), Some(10));
    assert_eq!(retention(0), None);
    assert_eq!(retention(7 * 24 * 3600), Some(3600 - 61));
    // A clock that was set back gives it no more time than it had, and on the same start of the machine none back.
    assert_eq!(old(&|reader| reader.wall = FETCHED - 20), Some(3599));
    let later = boot("x", 5000 + 3599);
    assert_eq!(old(&|reader| reader.boot.clone_from(&later)), None);
}

#[test]
fn k06_keys_are_judged_as_if_they_came_over_the_network() {
    let reader = Reader::new();
    let with = |jwk: &str| {
        let body = body();
        let at = body.find("\"keys\":[").unwrap() + 8;
        let (head, keys) = body.split_at(at);
        sealed(&format!(
            "{head}{{\"jwk\":{jwk},\"good_until\":null}},{keys}"
        ))
    };
    for (jwk, reason) in [
        (
            r#"{"kty":"oct","kid":"bad","k":"c2VjcmV0"}"#,
            SkipReason::SymmetricKey,
        ),
        (
            r#"{"kty":"RSA","kid":"bad","n":"AQAB","e":"AQAB"}"#,
            SkipReason::WeakKey,
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","kid":"bad","x":"AAAA","d":"AAAA"}"#,
            SkipReason::PrivateKey,
        ),
        (r#"{"kid":"bad"}"#, SkipReason::Malformed),
    ] {
        let restored = reader
            .read(&with(jwk))
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(restored.set.keys().len(), 3);
        let skipped = &restored.skipped[0];
        assert_eq!(
            (skipped.kid.as_deref(), skipped.reason),
            (Some("bad"), reason)
        );
    }
    let none = body().replace("\"kty\":\"EC\"", "\"kty\":\"oct\"");
    assert_eq!(reader.why_not(&sealed(&none)), Ignored::NoUsableKey);
}

#[test]
fn a_body_of_another_shape_is_damaged_whatever_its_digest_says() {
    let reader = Reader::new();
    let good = body();
    assert!(reader.read(&sealed(&good)).is_ok());
    let fetched = format!("\"fetched_at\":{FETCHED}");
    for bad in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        format!("{good}{good}"),
        good.replacen('{', "{\"keys\":[],", 1),
        good.replace(&fetched, "\"fetched_at\":\"now\""),
        good.replace(&fetched, "\"fetched_at\":1e300"),
        good.replace(&fetched, "\"fetched\":1"),
        good.replace("\"uptime\":5000", "\"uptime\":-1"),
        good.replace("\"jwk\"", "\"key\""),
        good.replace("\"good_until\":null", "\"good_until\":\"for ever\""),
        good.replace("\"good_until\":null", "\"good\":null"),
        good.replace("\"keys\":[", "\"keys\":{\"a\":[")
            .replace("]}", "]}}"),
    ] {
        assert_ne!(bad, good);
        let why = reader.why_not(&sealed(&bad));
        assert!(matches!(why, Ignored::Damaged(_)), "{bad}: {why:?}");
    }
    let foreign = good.replace("\"name\":\"staff\"", "\"name\":\"other\"");
    assert_eq!(reader.why_not(&sealed(&foreign)), Ignored::Foreign);
    assert_eq!(reader.why_not(&sealed("{}")), Ignored::Foreign);
}

#[test]
fn k03_a_snapshot_is_bounded_and_what_left_first_is_left_out_first() {
    let as_of = 10 * HOUR;
    let long = "x".repeat(200);
    // One key under many names: their number and length is what counts.
    let key = |kid: String, good_until| {
        let mut key = public_key(&kid);
        key.x5t = Some("y".repeat(700).into());
        HeldKey {
            key: Arc::new(key),
            good_until,
        }
    };
    let current = (0..MAX_KEYS).map(|n| key(format!("{long}-{n}"), None));
    let retained = (0..MAX_RETAINED).map(|n| {
        let left = Duration::from_secs(10_000 - n as u64);
        key(format!("{long}-retained-{n}"), Some(as_of + left))
    });
    let set = KeySet::assembled(1, current.chain(retained).collect(), false);
    let fetched = Fetched::ago(Duration::ZERO, UnixTime(FETCHED), boot("x", 5000));
    let bytes = encode(&identity(), &fetched, &Saved { set: &set, as_of }).unwrap();
    assert!(bytes.len() <= MAX_BYTES && bytes.len() > MAX_BYTES - 2000);
    let keys = Reader::new().keys(&bytes);
    assert!(keys.len() > MAX_KEYS && keys.len() < MAX_KEYS + MAX_RETAINED);
    for (found, held) in keys.iter().zip(set.keys()) {
        assert_eq!(Some(&*found.0), held.key.kid.as_deref());
    }
}

#[test]
fn every_reason_is_said_in_one_sentence_and_what_can_be_done_about_it() {
    let second = Duration::from_secs(1);
    for why in [
        Ignored::Unreadable("it cannot be read".to_owned()),
        Ignored::Damaged("no keys"),
        Ignored::OtherVersion,
        Ignored::Foreign,
        Ignored::FromTheFuture { ahead: second },
        Ignored::TooOld {
            age: second,
            max_stale: second,
        },
        Ignored::NoUsableKey,
    ] {
        let text = why.to_string();
        assert!(
            !text.ends_with('.') && text.matches('\n').count() <= 1,
            "{text}"
        );
    }
}

proptest! {
    /// A snapshot is never younger, and never good for longer, than what it was made of, whatever the times.
    #[test]
    fn k06_k07_no_key_lives_longer_for_having_been_written(
        age in 0u64..100_000_000,
        left in 0u64..200_000,
        later in 0u64..200_000,
        max_stale in 10u64..604_800,
        retention in 0u64..604_800,
        fraction in 0u32..1_000_000_000,
    ) {
        // Real time in nanoseconds since 1970: fetched, written `age` milliseconds later, read `later` seconds after the fetch.
        let start = Duration::new(1_700_000_000, fraction);
        let (writer, reader) = (100 * HOUR, 2000 * HOUR);
        let wall = |at: Duration| UnixTime(at.as_secs() as i64);
        let age = Duration::from_millis(age).min(Duration::from_secs(later));
        let until = writer + Duration::from_secs(left);
        let keys = vec![held_once(0, None), held_once(1, Some(until))];
        let set = KeySet::assembled(1, keys, false);
        let fetched = Fetched::ago(age, wall(start + age), None);
        let bytes = encode(&identity(), &fetched, &Saved { set: &set, as_of: writer }).unwrap();
        let now = start + Duration::from_secs(later);
        let timing = Timing {
            max_stale: Duration::from_secs(max_stale),
            retention: Duration::from_secs(retention),
            ..timing()
        };
        let restored = decode(&bytes, &Reading {
            identity: &identity(),
            timing,
            policy: &KeyPolicy::default(),
            now: Moment { wall: wall(now), monotonic: reader },
            boot: None,
        });
        match restored {
            Ok(restored) => {
                prop_assert!(restored.age >= now - start);
                prop_assert!(restored.age <= now - start + Duration::from_secs(3));
                prop_assert_eq!(restored.as_of, reader - restored.age);
                prop_assert!(restored.age <= timing.max_stale);
                for held in restored.set.keys() {
                    if let Some(until) = held.good_until {
                        prop_assert!(until - reader <= timing.retention);
                        prop_assert!(until - reader <= Duration::from_secs(left.saturating_sub(later)));
                    }
                }
                prop_assert!(restored.set.keys()[0].good_until.is_none());
            }
            Err(why) => {
                prop_assert!(matches!(why, Ignored::TooOld { .. }), "{:?}", why);
                prop_assert!(later + 3 > max_stale);
            }
        }
    }
}

/// To make a key is slow, and which one it is does not matter.
fn held_once(number: usize, good_until: Option<Duration>) -> HeldKey {
    static KEYS: LazyLock<[Arc<VerificationKey>; 2]> =
        LazyLock::new(|| ["a", "b"].map(|kid| Arc::new(public_key(kid))));
    HeldKey {
        key: Arc::clone(&KEYS[number]),
        good_until,
    }
}
