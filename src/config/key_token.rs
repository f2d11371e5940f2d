//! `keys.token_file` and `keys.token_origins`: what the gate shows to an issuer that wants to know who asks for its keys.

use super::keys::Builder;
use super::problem::{Mistake, Problems};
use super::secret;
use crate::keys::source::Origin;
use crate::keys::token_file::{TokenFile, token_in};
use crate::keys::url::KeyUrl;

impl Builder<'_> {
    /// The inner `None`: there is none. The outer one: a mistake.
    pub fn token_file(&self, problems: &mut Problems) -> Option<Option<TokenFile>> {
        let Some(item) = self.keys.item("token_file") else {
            return (!self.keys.broken("token_file")).then_some(None);
        };
        let path = item.text()?;
        if self.options.read_files
            && let Err(mistake) = examine(path)
        {
            problems.error(&item.place, mistake);
            return None;
        }
        let named = self.keys.items("token_origins").iter();
        let origins = named.map(|item| self.token_origin(item, problems));
        // All of them, so that each is reported.
        let origins: Vec<Option<KeyUrl>> = origins.collect();
        Some(Some(TokenFile {
            path: path.into(),
            origins: origins.into_iter().collect::<Option<_>>()?,
        }))
    }

    fn token_origin(&self, item: &super::record::Item, problems: &mut Problems) -> Option<KeyUrl> {
        let about = "write scheme, host and port, as in `https://192.168.10.4:6443`";
        let mistake = match KeyUrl::parse(item.text()?, self.flag("allow_http")) {
            Ok(url) if url.is_origin() => return Some(url),
            Ok(_) => Mistake::new("an origin has no path").hint(about),
            Err(bad) => Mistake::from_message(&bad.0, about),
        };
        problems.error(&item.place, item.redact(mistake));
        None
    }

    /// Where anybody could read it along, a token is not sent, and a fetch without it would be refused: that is not what the operator wants.
    pub fn check_token(&self, origin: &Origin, problems: &mut Problems) -> bool {
        let Some((url, fetch)) = origin.address() else {
            return true;
        };
        let Some(token) = &fetch.token_file else {
            return true;
        };
        let mut all = [url].into_iter().chain(&token.origins);
        let Some(bad) = all.find(|url| !fetch.keeps_secrets(url)) else {
            return true;
        };
        problems.error(
            &self.keys.place("token_file"),
            Mistake::new(format!(
                "the token would go to `{bad}` in the clear, for everybody on the way to take"
            ))
            .hint("use `https://`; plain http is good enough only for loopback, without `proxy`"),
        );
        false
    }
}

/// What it holds now; it is read again for each fetch.
fn examine(path: &str) -> Result<(), Mistake> {
    let document = secret::read_file(path)?;
    match token_in(&document) {
        Some(_) => Ok(()),
        None => Err(Mistake::new("there is no bearer token in it").hint(
            "`token_file` is one token and nothing else, as Kubernetes writes it to `/var/run/secrets/kubernetes.io/serviceaccount/token`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::examine;

    #[test]
    fn a_file_is_one_token_and_a_mistake_does_not_show_what_is_there() {
        let path = std::env::temp_dir().join(format!("claimgate-token-{}", std::process::id()));
        let at = path.to_str().unwrap();
        for (text, good) in [
            ("eyJhbGci.eyJpc3Mi.c2ln\n", true),
            ("", false),
            ("two lines\nof text", false),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n", false),
        ] {
            std::fs::write(&path, text).unwrap();
            let found = examine(at);
            assert_eq!(found.is_ok(), good, "{text}");
            assert!(!format!("{found:?}").contains("MIIE"));
        }
        std::fs::remove_file(&path).unwrap();
    }
}
