//! Keys in files.

use std::time::Duration;

use super::{Bench, bench};
use crate::keys::source::{FileFormat, Origin};
use crate::keys::testing::{TestFile, config, document, jwk, kids};
use crate::keys::{FetchResult, KeyLookup, SourceId};

impl TestFile {
    fn origin(&self, format: FileFormat) -> Origin {
        Origin::File {
            path: self.0.clone(),
            format,
        }
    }
}

#[tokio::test]
async fn k06_a_mounted_file_may_rotate_and_a_bad_one_keeps_the_last_good_set() {
    let file = TestFile::new("rotates.jwks");
    let Bench { keys, told, .. } = bench(vec![config("one", file.origin(FileFormat::Jwks))]);
    keys.fetch_once().await;
    assert_eq!(told.last(), Some((FetchResult::Unreadable, 0)));
    let error = keys.status()[0].last_error.clone().unwrap();
    assert!(
        error.ends_with("cannot be read: no such file or directory"),
        "{error}"
    );
    let good = document(&[&jwk("a")]);
    file.write(&good);
    keys.fetch_once().await;
    assert_eq!(told.last(), Some((FetchResult::Ok, 1)));
    for (text, label) in [
        (&good[..good.len() / 2], FetchResult::NotAKeySet),
        ("", FetchResult::NotAKeySet),
        (&" ".repeat(600 * 1024), FetchResult::TooLarge),
    ] {
        file.write(text);
        keys.fetch_once().await;
        assert_eq!(told.last(), Some((label, 1)));
    }
    file.write(&document(&[&jwk("b")]));
    keys.fetch_once().await;
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn an_unknown_key_reads_the_file_again() {
    let file = TestFile::new("refetch.jwks");
    file.write(&document(&[&jwk("a")]));
    let Bench { keys, told, .. } = bench(vec![config("one", file.origin(FileFormat::Jwks))]);
    keys.start();
    told.until(|told| told.len() == 1).await;
    file.write(&document(&[&jwk("b")]));
    assert!(keys.refetch(SourceId(0), None).await);
    assert_eq!(kids(&keys, 0), ["b"]);
}

#[tokio::test]
async fn a_pem_file_fits_any_kid() {
    let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let file = TestFile::new("key.pem");
    file.write(&certificate.cert.pem());
    let Bench { keys, .. } = bench(vec![config("one", file.origin(FileFormat::Pem))]);
    assert_eq!(keys.fetch_once().await, [Ok(())]);
    let set = keys.key_set(SourceId(0), Duration::ZERO).unwrap();
    let hint = crate::keys::set::KeyHint {
        kid: Some("whatever"),
        ..Default::default()
    };
    let found = set.candidates(
        hint,
        crate::jose::algorithm::Algorithm::Es256,
        Duration::ZERO,
    );
    assert!(matches!(found, crate::keys::set::Candidates::Keys(keys) if keys.len() == 1));
}

#[tokio::test]
async fn a_directory_or_a_pipe_is_not_waited_for() {
    let folder = Origin::File {
        path: std::env::temp_dir(),
        format: FileFormat::Jwks,
    };
    let device = Origin::File {
        path: "/dev/zero".into(),
        format: FileFormat::Pem,
    };
    let Bench { keys, told, .. } = bench(vec![config("one", folder), config("two", device)]);
    for result in keys.fetch_once().await {
        assert!(result.unwrap_err().contains("not a regular file"));
    }
    assert!(
        told.fetched()
            .iter()
            .all(|(_, result, _)| *result == FetchResult::Unreadable)
    );
}
