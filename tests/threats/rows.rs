//! The rows: an attack and what comes of it. Ids are stable; tests bear them in lower case with two digits.

pub struct Row {
    pub id: &'static str,
    pub attack: &'static str,
    /// An answer is written `401 `reason``; otherwise the bound that holds.
    pub result: &'static str,
}

/// Begins the result of a row that nothing can be tested of, because what it attacks is not there.
pub const NOT_YET: &str = "not yet: ";

/// Letter and title, in the order of the page.
pub const SECTIONS: &[(&str, &str)] = &[
    ("J", "Tokens"),
    ("K", "Keys and discovery"),
    ("C", "Remembered decisions"),
    ("H", "Identity headers"),
    ("S", "Message framing"),
    ("P", "Paths and methods"),
    ("D", "Resources"),
    ("B", "Requests, byte for byte"),
];

macro_rules! rows {
    ($($id:ident: $attack:literal => $result:literal;)*) => {
        pub const ROWS: &[Row] = &[$(Row { id: stringify!($id), attack: $attack, result: $result }),*];
    };
}

rows! {
J1: "`alg: none` in each of its 16 spellings, with no signature, an empty one, junk, or that of another token"
    => "401 `algorithm_not_allowed`, whatever stands for a signature; a signature that was only cut off is 401 `malformed_token`; `none` cannot be configured";
J2: "the issuer's public key as secret of an HMAC: PEM with every line end, DER, PKCS#1, JWK, the key set, the bare numbers, nothing"
    => "401 `algorithm_not_allowed`; even an issuer that lists HS* next to a key set finds no secret in it; a configuration that mixes both does not start";
J3: "the right key with another algorithm of its family, or a signature of another one"
    => "401 `algorithm_not_allowed` everywhere but on the diagonal of 14 keys, 14 signatures and 14 names";
J4: "a key or its address in the token: `jwk`, `jku`, `x5u`, `x5c`"
    => "401 `unknown_key` (401 `bad_signature` under a known `kid`); no connection is made";
J5: "`kid` as path, SQL, URL, control characters, 64 KiB, or of another type"
    => "401 `unknown_key`: it is only compared; over 256 bytes or not a string is 401 `malformed_token`";
J6: "ECDSA signatures of zeros, out of range, in DER, of 0 to 600 bytes, of 16 and 64 KiB"
    => "401 `bad_signature`; memory by bound: a signature of another length than the key's is refused before anything is copied or converted";
J7: "every bit of a token flipped, every truncation, foreign signatures; an empty secret"
    => "401 `bad_signature` or 401 `malformed_token`, never accepted; an empty, short or unset secret does not start";
J8: "`crit` with any value, validly signed"
    => "401 `unsupported_critical_header`";
J9: "`b64` (RFC 7797) with and without `crit`, signed over the raw and over the encoded payload"
    => "401 `unsupported_critical_header`";
J10: "an encrypted token where a signed one is expected; bare or unsigned claims, or a token of another issuer, in an encrypted one"
    => "401 `encrypted_token` without `decryption`, told by its four dots before anything is decoded; with it 401 `decryption_failed` unless a signed token of an issuer with that key is inside";
J11: "encryption that costs its receiver or tells of its keys: PBES2 with 2,000,000,000 rounds, compressed content, RSA1_5, one answer for each failure"
    => "401 `encrypted_token` without `decryption`, else 401 `decryption_failed`, byte for byte the same answer for every failure; CPU and memory by bound: nothing is derived or inflated, at most 4 operations with private keys a token";
J12: "the JSON serializations, tokens inside JSON, several tokens in one"
    => "401 `malformed_token`";
J13: "another kind of JWT as access token: logout, DPoP, security event, ID token for another client, nested (`cty`)"
    => "401 `token_type_not_allowed`, or 401 `audience_mismatch`; an issuer without an audience does not start unless `any_audience` is said";
J14: "weak keys: short RSA, exponent 1, ROCA, points off the curve or of small order, short secrets"
    => "the key is skipped alone and shown in `/issuers`; a weak secret does not start. Exponent 3 is accepted";
J15: "a key that is for encryption, or whose `key_ops` or `alg` say something else"
    => "the key is skipped: 401 `unknown_key`";
J16: "two keys under one `kid` in either order; no `kid`"
    => "the issuer's keys that fit are tried, at most four; else 401 `bad_signature`";
J17: "base64url that is not canonical: padding, the plain alphabet, white space, each sibling of each segment's last character"
    => "401 `malformed_token`, though the signature is right over it; padding is taken from `provider: alb` alone";
J18: "duplicate members in header or claims, at any depth, however they are escaped"
    => "401 `malformed_token`";
J19: "claims that are an array, a string, a number, null, nothing, or more than one value"
    => "401 `malformed_token`";
J20: "UTF-16, byte order mark, bad UTF-8, lone surrogates, raw control characters"
    => "401 `malformed_token`; `\\u0000` is text, and refused where it would become a header (H7)";
J21: "10,000 levels of nesting, 200,000 members, a megabyte of digits"
    => "401 `malformed_token`, or read in time that grows with the length alone";
J22: "tokens of a megabyte; thousands of dots"
    => "401 `token_too_large` before anything is looked at; 401 `malformed_token` at the fifth dot";
J23: "two `Authorization` lines, two tokens in one, tabs and spaces, tokens in places that are no source"
    => "400 `ambiguous_token`; 401 `malformed_token`; 401 `missing_token` where no source is configured: cookie, parameter, body";
J24: "`exp` as string, bool, null, object, negative, huge, hexadecimal, fraction, NaN: 34 literals"
    => "401 `malformed_token`, or 401 `token_expired` by its whole seconds; without it 401 `claim_missing`";
J25: "`nbf` and `iat` in the future or of another type"
    => "401 `token_not_yet_valid`, 401 `issued_in_future` beyond the leeway to the second; 401 `malformed_token`";
J26: "a leeway or a misspelt key in the configuration that would switch a check off"
    => "does not start; line, column and hint";
J27: "the key of one issuer for the `iss` of another, under one `kid`; `iss` as array, in another spelling; a `sub` that names another issuer's trust domain"
    => "401 `bad_signature` off the diagonal, cached or not, in 1,000 interleaved requests too; 401 `unknown_issuer`; 401 `malformed_token`";
J28: "`aud` as array, empty, null, number, object, nested, substring, joined: 23 shapes"
    => "401 `audience_mismatch`; 401 `malformed_token` where it is not a string or strings";
J29: "a clock that is years off, before 1970, or steps"
    => "401 `issued_in_future` or 401 `token_expired`, no panic from the first to the last representable second";
K1: "addresses that lead the fetch elsewhere: `file:`, `data:`, link-local, another issuer's document, proxy variables"
    => "the document is refused and no connection is made; keys stay as they were";
K2: "redirects of the key set, each 3xx status"
    => "never followed: no connection is made; the last good keys stay";
K3: "endless, huge, compressed key sets, thousands of keys"
    => "read to 512 KiB and 100 keys at most, identity encoding only; memory by that bound";
K4: "an issuer that hangs, dribbles or drops packets"
    => "2 s to connect, 5 s in all; tokens with known keys do not wait";
K5: "a flood of unknown `kid`s"
    => "401 `unknown_key`; one fetch in flight, and one per `refetch_interval` and issuer, however many ask; where each key has an address of its own (`pem_url`), four";
K6: "answers that would empty the key set: 500, HTML, truncated, `{}`, one bad key: 24 bodies"
    => "the last good set stays until `max_stale`, a bad key is skipped alone; then there are no keys (K12). A snapshot of it on disk that is damaged at any byte, another source's, too old or of the future is not used ([keys.md](keys.md))";
K7: "a key that the issuer has taken back"
    => "401 `unknown_key` after the next refresh and its retention (5 minutes and 0 by default), cached or not";
K8: "a new key under an old `kid`"
    => "one bounded fetch, then the new key alone: the old one is 401 `bad_signature`";
K9: "two issuers with one `kid` at the same moment"
    => "neither keys nor fetches are shared";
K10: "a fetch that is abandoned, fails at any point, or panics"
    => "the next fetch works; not ready before it";
K11: "an issuer's certificate that is expired, of another host, of an unknown authority; no TLS at all"
    => "a failed fetch; there is no switch to skip verification";
K12: "a start without the issuer"
    => "alive, not ready, 503 `keys_unavailable` with `Retry-After` (without a token 401 `missing_token`); tried again after 1 to 30 s. With `keys_snapshot_dir` the keys of the last run serve at once, no longer than `max_stale` after their fetch";
C1: "a remembered token after its `exp`, or at a stepped clock"
    => "401 `token_expired`: time is checked at each hit; any steps of times, keys and verifiers judge as without the cache";
C2: "a token that differs by a byte from a remembered one"
    => "another entry: the key is a code over the whole token (GMAC, under a key that nobody knows)";
C3: "a remembered token on a route with other rules"
    => "403 `rule_not_met`: only the token is remembered, rules are asked each time";
C4: "a remembered token under another configuration or issuer"
    => "401 `audience_mismatch`: an entry belongs to one verifier's generation";
C5: "a remembered token after its key left, or after a reload"
    => "401 `unknown_key` or 401 `bad_signature`: an entry dies with the key set that it was judged by";
C6: "memory: a million tokens, small on the wire and large in memory; refusals"
    => "by bound: 32 MiB a worker (10,000 tokens of 1 KB), counted by what a token holds in memory, least recently used first out; refusals are not remembered";
H1: "the client sends the identity headers itself"
    => "removed on every route, public ones too; the token's own value stands once";
H2: "look-alikes: `_`, `.`, `~` for `-`, any case, `HTTP_` names"
    => "removed; other names with `_` are dropped, 400 or kept as configured";
H3: "repeated and comma-joined identity headers"
    => "one line, the gate's own";
H4: "HTTP/2 pseudo-headers, upper-case names, `:authority` beside `Host`"
    => "400 `bad_request`, or the stream or connection is reset (`PROTOCOL_ERROR`); cookies of several lines are one";
H5: "`Connection` that names an identity header, Host, Authorization or framing"
    => "400 `bad_request`; other hop-by-hop headers are removed before identity is set";
H6: "identity in request trailers"
    => "trailers and `Trailer` do not arrive, but for the names of `upstream.forward_trailers`, none of which can say who asks";
H7: "CR, LF, NUL, TAB in claims"
    => "403 `claims_unusable`";
H8: "claims beyond ASCII, `%41`, code points whose low bytes are CR LF"
    => "encoded so that what is written can be read back, proven for any text";
H9: "a separator inside a group's name"
    => "percent-encoded inside the element: different lists have different values";
H10: "thousands of groups, a claim of 9 KiB"
    => "403 `claims_unusable`, never cut";
H11: "a missing or empty claim"
    => "no header, never an empty one or the client's; 403 `claims_unusable` where the mapping says `missing: reject`";
H12: "`X-Forwarded-*`, `Forwarded`, `X-Original-URL`, `X-SSL-*` by anyone"
    => "overwritten from the connection; `trusted_proxies` is empty by default, and trusting everyone is warned of";
H13: "`Proxy` (httpoxy), proxy variables in the environment"
    => "removed always; the gate's own fetches ignore the variables";
H14: "requests of two users on one connection"
    => "each is judged alone";
H15: "log and metric injection by path, `kid`, claims, an issuer's errors"
    => "one line of JSON, escaped and cut; no label comes from the wire";
S1: "`Content-Length` beside `Transfer-Encoding`"
    => "`Transfer-Encoding` alone counts, the body is framed anew and the connection closes (RFC 9112 §6.1)";
S2: "two, obfuscated or unknown transfer codings: 1,703 mutations"
    => "400 `bad_request`, or one request with one framing";
S3: "`Content-Length` twice, as list, signed, hexadecimal, empty, beyond 64 bits"
    => "400";
S4: "a body on GET; an unread body after a refusal"
    => "forwarded with its framing; after a 401 the connection closes";
S5: "`Expect`, without a token and with other values"
    => "401 `missing_token` and no 100; other values are 417 `bad_request`";
S6: "folded lines, space before the colon, lines without one"
    => "400";
S7: "bare CR and NUL in the head"
    => "400; a bare LF may end a line (RFC 9112 §2.2), the application gets CRLF";
S8: "chunk sizes with `0x`, `_`, signs, overflow; missing CRLF"
    => "400 `bad_request`; the application's request is aborted, never completed";
S9: "HTTP/1.0 with `Transfer-Encoding`, HTTP/0.9, odd versions"
    => "400";
S10: "`Host` missing, twice, invalid, other than the target's"
    => "400";
S11: "bytes behind a WebSocket handshake or CONNECT; an answer that is no 101 taken for one; an application that switches unasked, or to something else"
    => "early bytes wait for the application's 101; without one they are judged as a request: 401 `missing_token`; a 101 that is not this handshake's is 502 `upstream_reset`; CONNECT is 405; a tunnel ends with its token";
S12: "an upgrade to h2c, to several protocols, in HTTP/1.0 or with another method"
    => "`Upgrade` is written anew for WebSocket alone; else it and `HTTP2-Settings` are not passed on, and a 101 is 502";
S13: "HTTP/2 requests that become two in HTTP/1"
    => "refused or reset; what is forwarded is framed anew, and a body of another length than announced never completes";
S14: "answers of the application with two readings, a body where none may be, a second one unasked"
    => "502 `upstream_reset`; the connection (of HTTP/2: the stream) is discarded, the client gets one answer";
S15: "garbage as method or target, `*`, half an HTTP/2 preface, TLS on the plain port, plain HTTP or old TLS on the port of TLS"
    => "400, or an alert";
P1: "a query or fragment that satisfies a rule"
    => "400, or 401: only the path decides";
P2: "dot segments, raw and encoded"
    => "400";
P3: "encoded slash, backslash, double encoding"
    => "400";
P4: "`//`, trailing dot, other case, near misses of a public path"
    => "400, or 401: paths are compared by case and whole segments";
P5: "matrix parameters (`;`)"
    => "400";
P6: "the absolute form of a target"
    => "400, or 401 by its path";
P7: "OPTIONS, TRACE, lower case, override headers; what is made to look like a CORS preflight"
    => "405 `bad_request` for TRACE and CONNECT; no method is free, override headers are removed; a preflight passes only where a route says so, alone and without identity";
P8: "a health checker's User-Agent or address as a way past"
    => "401 `missing_token`; health pages are on a listener of their own";
D1: "silent connections, slow heads, idle keep-alive"
    => "closed 10 s after accept (PROXY header and TLS handshake included), or after the first byte of a next head; when idle after 75 s";
D2: "slow bodies, slow readers, machines that vanish"
    => "408, or closed, after 30 s without progress";
D3: "large heads, many headers, long targets"
    => "431 beyond 100 headers or `token.max_bytes` + 16 KiB, 414 `bad_request` beyond 8 KiB of target";
D4: "rapid reset of HTTP/2 streams"
    => "`ENHANCE_YOUR_CALM`, or closed after 200 requests given up; the requests to the application are cancelled";
D5: "floods of CONTINUATION, SETTINGS, PING; header compression bombs"
    => "`ENHANCE_YOUR_CALM` or closed; a head over the limit is a 431";
D6: "empty DATA frames"
    => "`ENHANCE_YOUR_CALM` after 100";
D7: "HTTP/2 windows and stream counts"
    => "100 streams, windows of 64 KiB and 1 MiB; `REFUSED_STREAM`, `FLOW_CONTROL_ERROR`";
D8: "more connections than file descriptors, silent or slow ones by the thousand, stalled TLS handshakes"
    => "connections are bounded below the limit of open files; at the bound the one that has been without a request longest gives way, and where all have one the next client waits; handshakes end after 10 s; without a descriptor accepting pauses";
D9: "tokens that cost more to refuse than to send"
    => "cheap checks first: a hostile token of 64 KiB is judged within 150 ms even unoptimized; a signature is tried with four keys at most (J16)";
D10: "overlapping ranges, odd `Accept-Encoding`, a megabyte of cookies"
    => "431 beyond the limits of D3; never interpreted";
B1: "identity headers in every spelling, and a `Connection` that names one"
    => "400 `bad_request` with that `Connection`; without it the token's value alone";
B2: "identity and `Authorization` in trailers"
    => "the body arrives, no trailer";
B3: "two `Authorization` lines"
    => "400 `ambiguous_token`";
B4: "four ways from a public path to a guarded one"
    => "400 or 401, nothing at the application";
B5: "a WebSocket handshake with a request behind it"
    => "401 `missing_token` for the second, unless the application opens the tunnel: then it is bytes in it";
B6: "`Expect: 100-continue` without a token"
    => "401 `missing_token`, no 100, closed";
B7: "a request as body of a GET"
    => "one request with a body";
B8: "`Transfer-Encoding: chunked` and `identity`"
    => "400";
B9: "HTTP/1.0 with both framings"
    => "400";
B10: "an absolute target with another `Host`"
    => "400";
B11: "HTTP/2 with prior knowledge"
    => "judged and forwarded like any other request";
B12: "a request without a token behind one with it"
    => "401 `missing_token` for the second";
}
