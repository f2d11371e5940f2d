//! A good key set written down, so that a gate that starts while its issuer is away has keys. Pure: bytes in, bytes out, time is an argument.
//!
//! A snapshot is one line, `claimgate-keys 1 ` and the SHA-256 of the rest in hex, and then a JSON object: whose keys they are, when they were
//! fetched, and each key as a JWK. The digest tells damage, not malice: whoever may write the file may write keys. What is in it is read as
//! strictly as a document that comes over the network, and judged by today's policy; only its age is taken from it.
//!
//! * `identity` is whose keys they are, `age` how old they are by clocks that may lie, [`Ignored`] why they are not used. All pure.
//! * `file` reads and writes, `keeper` decides when for one source.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::merge::MAX_RETAINED;
use super::plan::Timing;
use super::set::{HeldKey, KeySet};
use crate::clock::{Boot, Moment, UnixTime};
use crate::jose::json::{self, Json, Object};
use crate::jose::jwk::{KeyPolicy, MAX_KEYS, SkippedKey, read_key};
use crate::jose::public_jwk::public_jwk;

mod age;
mod file;
mod identity;
mod ignored;
mod keeper;

pub use age::Fetched;
pub use file::examine;
pub use identity::Identity;
pub(super) use identity::sha256;
pub use ignored::Ignored;
pub(super) use keeper::Keeper;

/// Largest snapshot. A document has 512 KiB at most, and its keys less; what is retained takes what room is left.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Of it, what the first line and the times take at most.
const MAX_OVERHEAD: usize = 512;

/// Keys of this format only: another version of it is another word here.
const FIRST_WORDS: &str = "claimgate-keys 1 ";
/// What the first words of every version begin with.
const ANY_VERSION: &str = "claimgate-keys ";

/// The snapshot of `saved`. None when there is nothing that can be written.
///
/// Keys that do not fit into [`MAX_BYTES`] are left out from the end, where those stand that left their document first.
pub fn encode(identity: &Identity, fetched: &Fetched, saved: &Saved<'_>) -> Option<Vec<u8>> {
    let source = identity.as_json();
    let mut room = MAX_BYTES.saturating_sub(MAX_OVERHEAD + source.len());
    let mut keys: Vec<String> = Vec::new();
    for held in saved.set.keys() {
        // A secret has no public half.
        let Some(jwk) = public_jwk(&held.key) else {
            continue;
        };
        let good_until = held.good_until.map(|until| {
            let left = until.saturating_sub(saved.as_of).as_secs();
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            fetched.at.0.saturating_add(left)
        });
        let entry = json!({"jwk": jwk, "good_until": good_until}).to_string();
        match room.checked_sub(entry.len() + 1) {
            Some(left) => room = left,
            None => break,
        }
        keys.push(entry);
    }
    if keys.is_empty() {
        return None;
    }
    let (at, boot) = (fetched.at.0, boot_members(fetched.boot.as_ref()));
    let keys = keys.join(",");
    let body = format!(r#"{{"fetched_at":{at},"boot":{boot},"source":{source},"keys":[{keys}]}}"#);
    let digest = sha256(body.as_bytes());
    Some(format!("{FIRST_WORDS}{digest}\n{body}").into_bytes())
}

/// What is to be written.
pub struct Saved<'s> {
    pub set: &'s KeySet,
    /// When it was fetched, on the clock of its keys' `good_until`.
    pub as_of: Duration,
}

/// Under what a snapshot is read.
pub struct Reading<'r> {
    pub identity: &'r Identity,
    pub timing: Timing,
    pub policy: &'r KeyPolicy,
    pub now: Moment,
    pub boot: Option<Boot>,
}

/// A snapshot that may be used.
pub struct Restored {
    pub set: KeySet,
    pub skipped: Vec<SkippedKey>,
    pub fetched: Fetched,
    pub age: Duration,
    /// When it was fetched, on the monotonic clock.
    pub as_of: Duration,
}

/// Reads a snapshot. Only one that is whole, of this very source, and not older than `max_stale` is used, and of its keys those that today's
/// policy takes. A key that had left its document is good as long as it was to be, and not longer than today's retention.
pub fn decode(bytes: &[u8], reading: &Reading<'_>) -> Result<Restored, Ignored> {
    let members =
        json::parse_object(body(bytes)?).map_err(|error| Ignored::Damaged(error.problem))?;
    let source = json::parse(reading.identity.as_json().as_bytes()).ok();
    if members.get("source") != source.as_ref() {
        return Err(Ignored::Foreign);
    }
    let fetched = fetched(&members).ok_or(Ignored::Damaged("no time of the fetch"))?;
    let age = fetched.age(reading.now.wall, reading.boot.as_ref())?;
    let max_stale = reading.timing.max_stale;
    let as_of = match reading.now.monotonic.checked_sub(age) {
        Some(as_of) if age <= max_stale => as_of,
        _ => return Err(Ignored::TooOld { age, max_stale }),
    };
    let Some(Json::Array(entries)) = members.get("keys") else {
        return Err(Ignored::Damaged("no keys"));
    };
    let mut keys = Vec::new();
    let mut skipped = Vec::new();
    for entry in entries.iter().take(MAX_KEYS + MAX_RETAINED) {
        let (jwk, good_until) = entry_of(entry).ok_or(Ignored::Damaged("a key is none"))?;
        let left = match good_until {
            Some(until) => match left_of(until, fetched.at, age, reading.timing.retention) {
                Some(left) => Some(left),
                None => continue,
            },
            None => None,
        };
        match read_key(jwk, reading.policy) {
            Ok(key) => keys.push(HeldKey {
                key: Arc::new(key),
                good_until: left.map(|left| reading.now.monotonic.saturating_add(left)),
            }),
            Err(reason) => skipped.push(SkippedKey {
                kid: kid(jwk),
                reason,
            }),
        }
    }
    if keys.is_empty() {
        return Err(Ignored::NoUsableKey);
    }
    Ok(Restored {
        // The keys of what is fetched have names, or fit by their type.
        set: KeySet::assembled(1, keys, false),
        skipped,
        fetched,
        age,
        as_of,
    })
}

/// What the first line vouches for.
fn body(bytes: &[u8]) -> Result<&[u8], Ignored> {
    let damaged = Ignored::Damaged("it does not begin as a snapshot does");
    let Some(rest) = bytes.strip_prefix(FIRST_WORDS.as_bytes()) else {
        return Err(match bytes.starts_with(ANY_VERSION.as_bytes()) {
            true => Ignored::OtherVersion,
            false => damaged,
        });
    };
    let (digest, rest) = rest.split_at_checked(64).ok_or(damaged.clone())?;
    let body = rest.strip_prefix(b"\n").ok_or(damaged)?;
    match digest == sha256(body).as_bytes() {
        true => Ok(body),
        false => Err(Ignored::Damaged("its digest is another one")),
    }
}

fn boot_members(boot: Option<&Boot>) -> Value {
    boot.map_or(
        Value::Null,
        |boot| json!({"id": &*boot.id, "uptime": boot.uptime.as_secs()}),
    )
}

fn fetched(members: &Object) -> Option<Fetched> {
    let seconds = |value: &Json| value.as_number()?.truncated();
    let boot = match members.get("boot")? {
        Json::Object(boot) => Some(Boot {
            id: boot.get("id")?.as_str()?.into(),
            uptime: Duration::from_secs(seconds(boot.get("uptime")?)?.try_into().ok()?),
        }),
        _ => None,
    };
    Some(Fetched {
        at: UnixTime(seconds(members.get("fetched_at")?)?),
        boot,
    })
}

/// A key, and until when it is good if it had left its document.
fn entry_of(entry: &Json) -> Option<(&Json, Option<UnixTime>)> {
    let members = entry.as_object()?;
    let good_until = match members.get("good_until")? {
        Json::Null => None,
        until => Some(UnixTime(until.as_number()?.truncated()?)),
    };
    Some((members.get("jwk")?, good_until))
}

/// What is left of a retained key's time: of what it had at the fetch, less the age, which no clock that was set back makes shorter.
fn left_of(
    until: UnixTime,
    fetched: UnixTime,
    age: Duration,
    retention: Duration,
) -> Option<Duration> {
    let had = u64::try_from(until.0.checked_sub(fetched.0)?).ok()?;
    let left = Duration::from_secs(had).checked_sub(age)?;
    Some(left.min(retention)).filter(|left| !left.is_zero())
}

fn kid(jwk: &Json) -> Option<Box<str>> {
    Some(jwk.as_object()?.get("kid")?.as_str()?.into())
}
