//! What the log says of decryption keys: when they come or change, and when their file cannot be used. Only changes.

use crate::keys::decryption::DecryptionStatus;

/// What was told last.
#[derive(Default)]
pub(super) struct DecryptionWatch {
    before: Vec<DecryptionStatus>,
}

#[derive(Debug, PartialEq, Eq)]
enum Change<'s> {
    /// Keys came, or others are there.
    Keys,
    Failed(&'s str),
}

impl DecryptionWatch {
    /// Tells what is new in `now`.
    pub(super) fn look(&mut self, now: Vec<DecryptionStatus>) {
        for source in &now {
            let known = self
                .before
                .iter()
                .find(|old| old.issuer == source.issuer && old.origin == source.origin);
            if let Some(change) = change(known, source) {
                tell(source, change);
            }
        }
        self.before = now;
    }
}

fn change<'s>(before: Option<&DecryptionStatus>, now: &'s DecryptionStatus) -> Option<Change<'s>> {
    let error_before = before.and_then(|before| before.last_error.as_deref());
    match now.last_error.as_deref() {
        Some(error) if error_before != Some(error) => Some(Change::Failed(error)),
        Some(_) => None,
        None if error_before.is_some() => Some(Change::Keys),
        None => before
            .is_none_or(|before| before.generation != now.generation)
            .then_some(Change::Keys),
    }
}

fn tell(source: &DecryptionStatus, change: Change<'_>) {
    let issuer = &*source.issuer;
    let origin = &*source.origin;
    let keys = source.keys.len();
    match change {
        Change::Keys => tracing::info!(
            issuer,
            origin,
            keys,
            skipped = source.skipped.len(),
            "decryption keys are here"
        ),
        Change::Failed(error) => tracing::warn!(
            issuer,
            origin,
            keys,
            error,
            "decryption keys cannot be read again: the last good ones stay in use"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(generation: u64, error: Option<&str>) -> DecryptionStatus {
        DecryptionStatus {
            issuer: "staff".into(),
            origin: "/run/keys".to_owned(),
            keys: vec![],
            skipped: vec![],
            last_error: error.map(str::to_owned),
            generation,
        }
    }

    #[test]
    fn only_changes_are_told() {
        let bad = || Some("half a file");
        for (before, now, expected) in [
            (None, status(1, None), Some(Change::Keys)),
            (Some(status(1, None)), status(1, None), None),
            (Some(status(1, None)), status(2, None), Some(Change::Keys)),
            (
                Some(status(1, None)),
                status(1, bad()),
                Some(Change::Failed("half a file")),
            ),
            (Some(status(1, bad())), status(1, bad()), None),
            (Some(status(1, bad())), status(1, None), Some(Change::Keys)),
        ] {
            assert_eq!(change(before.as_ref(), &now), expected);
        }
    }
}
