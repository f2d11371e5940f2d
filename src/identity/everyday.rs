//! What is decided about the standard names of everyday requests, decided once: telling standard names apart compares numbers, while any
//! other name must be folded and compared as text, with every request.

use http::HeaderName;
use http::header;

/// One list, so that no name can have another's place.
macro_rules! everyday {
    ($($name:ident)*) => {
        pub(super) const NAMES: [HeaderName; COUNT] = [$(header::$name),*];
        const COUNT: usize = [$(stringify!($name)),*].len();

        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "spelled as the constants are")]
        enum Place { $($name),* }

        fn place(name: &HeaderName) -> Option<Place> {
            match *name {
                $(header::$name => Some(Place::$name),)*
                _ => None,
            }
        }
    };
}

everyday! {
    ACCEPT ACCEPT_CHARSET ACCEPT_ENCODING ACCEPT_LANGUAGE ACCESS_CONTROL_REQUEST_HEADERS ACCESS_CONTROL_REQUEST_METHOD AUTHORIZATION
    CACHE_CONTROL CONTENT_DISPOSITION CONTENT_ENCODING CONTENT_LANGUAGE CONTENT_LENGTH CONTENT_TYPE COOKIE DATE DNT EXPECT FROM HOST
    IF_MATCH IF_MODIFIED_SINCE IF_NONE_MATCH IF_RANGE IF_UNMODIFIED_SINCE ORIGIN PRAGMA RANGE REFERER SEC_WEBSOCKET_EXTENSIONS
    SEC_WEBSOCKET_KEY SEC_WEBSOCKET_PROTOCOL SEC_WEBSOCKET_VERSION TRANSFER_ENCODING UPGRADE_INSECURE_REQUESTS USER_AGENT VIA
}

/// For each everyday name, whether it is managed.
#[derive(Clone, Debug)]
pub(super) struct Everyday([bool; COUNT]);

impl Everyday {
    pub(super) fn judged_by(covers: impl Fn(&str) -> bool) -> Self {
        Self(NAMES.map(|name| covers(name.as_str())))
    }

    /// What was decided; none about a name that is not an everyday one.
    pub(super) fn verdict(&self, name: &HeaderName) -> Option<bool> {
        self.0.get(place(name)? as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_everyday_name_has_its_own_verdict() {
        for own in &NAMES {
            let judged = Everyday::judged_by(|name| name == own.as_str());
            for name in &NAMES {
                assert_eq!(judged.verdict(name), Some(name == own), "{own} {name}");
            }
        }
    }

    #[test]
    fn nothing_is_decided_about_another_name() {
        let judged = Everyday::judged_by(|_| false);
        for name in [
            "x-user",
            "content_length",
            "te",
            "connection",
            "upgrade",
            "forwarded",
        ] {
            assert_eq!(
                judged.verdict(&HeaderName::from_static(name)),
                None,
                "{name}"
            );
        }
    }

    /// So that who knows the verdict need not look for one.
    #[test]
    fn no_everyday_name_has_an_underscore() {
        assert!(NAMES.iter().all(|name| !name.as_str().contains('_')));
    }
}
