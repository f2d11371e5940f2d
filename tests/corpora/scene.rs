//! The peers: an issuer, two applications, and before each of them a gate that forwards everything and one that wants a token.

use serde_json::json;

use crate::harness::{Gate, Issuer, eventually, request};
use crate::recorder::{Reader, Recorder};
use crate::variant::{Head, Variant};

pub struct Scene {
    issuer: Issuer,
    strict: Side,
    lenient: Side,
}

struct Side {
    application: Recorder,
    /// Everything is public: whatever can be read is forwarded.
    open: Gate,
    guarded: Gate,
}

impl Scene {
    pub fn start() -> Self {
        let issuer = Issuer::start();
        let side = |reader| {
            let application = Recorder::start(reader);
            let configuration = |more: &str| {
                format!(
                    "upstream: http://127.0.0.1:{}\nissuers: [{{name: test, provider: oidc, issuer: {}, audiences: [api]}}]\nlog: {{access: off}}\n{more}",
                    application.port, issuer.url
                )
            };
            let open = Gate::start(&configuration("routes: [{path: /*, access: public}]\n"));
            // Without routes paths are not judged: what is odd in them is forwarded.
            let guarded = Gate::start(&configuration(""));
            Side {
                application,
                open,
                guarded,
            }
        };
        Self {
            strict: side(Reader::Strict),
            lenient: side(Reader::Lenient),
            issuer,
        }
    }

    pub fn token(&self) -> String {
        self.issuer.token(json!({}))
    }

    pub fn application(&self, reader: Reader) -> &Recorder {
        &self.side(reader).application
    }

    pub fn port(&self, variant: Variant) -> u16 {
        let side = self.side(variant.reader);
        match variant.head {
            Head::AsIs => side.open.port,
            Head::WithToken => side.guarded.port,
        }
    }

    /// An honest client is served as ever by all of them.
    pub fn serves_honest_clients(&self) -> Result<(), String> {
        let token = self.token();
        for gate in self.gates() {
            let answer = request(gate.port, "GET /clean", Some(&token), "");
            if answer.status != 200 {
                return Err(format!("a clean request got {}", answer.head));
            }
        }
        Ok(())
    }

    /// Until no request is under way: what was cut off may still be on its way.
    pub fn settle(&self) {
        for gate in self.gates() {
            eventually("no request under way", || {
                (gate.metric("claimgate_requests_in_flight", "") == 0.0).then_some(())
            });
        }
    }

    fn gates(&self) -> [&Gate; 4] {
        let (strict, lenient) = (&self.strict, &self.lenient);
        [
            &strict.open,
            &strict.guarded,
            &lenient.open,
            &lenient.guarded,
        ]
    }

    fn side(&self, reader: Reader) -> &Side {
        match reader {
            Reader::Strict => &self.strict,
            Reader::Lenient => &self.lenient,
        }
    }
}
