//! The specification's own examples, what breaks its rules, and laws for every cut of every header.

use proptest::prelude::*;

use super::*;

fn v1(line: &str) -> Vec<u8> {
    format!("{line}\r\n").into_bytes()
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = V2_SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

fn v6() -> Vec<u8> {
    let mut body = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    body.extend([0; 20]);
    body
}

/// Every form, with the source that it names.
fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let with_extensions = [&V4[..], &[0x03, 0, 4, 1, 2, 3, 4], &[0xea; 700]].concat();
    let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535";
    let longest_unknown = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535";
    vec![
        (
            v1("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443"),
            Some("192.0.2.7"),
        ),
        (v1("PROXY TCP4 0.0.0.0 0.0.0.0 0 0"), Some("0.0.0.0")),
        (
            v1("PROXY TCP6 2001:db8::7 :: 56324 443"),
            Some("2001:db8::7"),
        ),
        (v1(longest), Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        (v1(longest_unknown), None),
        (v1("PROXY UNKNOWN"), None),
        (v1("PROXY UNKNOWN whatever it says"), None),
        (v2(0x21, 0x11, &V4), Some("192.0.2.7")),
        (v2(0x21, 0x11, &with_extensions), Some("192.0.2.7")),
        (v2(0x21, 0x21, &v6()), Some("2001:db8::7")),
        (v2(0x21, 0x31, &[0x41; 216]), None),
        (v2(0x21, 0x00, b"anything"), None),
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, &V4), None),
        (v2(0x20, 0xff, b""), None),
    ]
}

#[test]
fn each_form_names_its_source_and_ends_where_it_ends() {
    for (bytes, source) in good() {
        let expected = Parsed::Header {
            source: source.map(|text| text.parse().unwrap()),
            length: bytes.len(),
        };
        assert_eq!(parse(&bytes), expected, "{bytes:?}");
        let followed = [&bytes[..], b"GET / HTTP/1.1\r\n\r\nPROXY UNKNOWN\r\n"].concat();
        assert_eq!(parse(&followed), expected, "what follows is not looked at");
    }
}

#[test]
fn what_breaks_the_rules_is_no_header() {
    let over = format!("PROXY UNKNOWN {}", "x".repeat(MAX_V1_BYTES));
    let mut bad: Vec<Vec<u8>> = [
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 ",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 1",
        "PROXY TCP4 192.0.2.7  198.51.100.1 56324 443",
        "PROXY TCP4 192.0.2.7\t198.51.100.1 56324 443",
        "PROXY TCP4 192.0.2.07 198.51.100.1 56324 443",
        "PROXY TCP4 192.0.2 198.51.100.1 56324 443",
        "PROXY TCP4 2001:db8::7 :: 56324 443",
        "PROXY TCP4 192.0.2.7 :: 56324 443",
        "PROXY TCP6 192.0.2.7 198.51.100.1 56324 443",
        "PROXY TCP6 fe80::1%eth0 :: 56324 443",
        "PROXY TCP6 [::1] :: 56324 443",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443",
        "PROXY TCP4 192.0.2.7 198.51.100.1 056324 443",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +1 443",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443",
        "PROXY UDP4 192.0.2.7 198.51.100.1 56324 443",
        "PROXY tcp4 192.0.2.7 198.51.100.1 56324 443",
        "PROXY UNKNOWNS",
        "PROXY unknown",
        "PROXY ",
        "proxy TCP4 192.0.2.7 198.51.100.1 56324 443",
        "GET / HTTP/1.1",
        "PROXYTCP4",
        &over,
    ]
    .map(v1)
    .to_vec();
    bad.extend([
        b"PROXY UNKNOWN\n".to_vec(),
        b"PROXY UNKNOWN\r\r\n".to_vec(),
        b"PROXY UNKNOWN \xff\r\n".to_vec(),
        over.into_bytes(),
        v2(0x11, 0x11, &V4),
        v2(0x22, 0x11, &V4),
        v2(0x21, 0x12, &V4),
        v2(0x21, 0x22, &v6()),
        v2(0x21, 0x41, &V4),
        v2(0x21, 0x10, &V4),
        v2(0x21, 0x11, &V4[..11]),
        v2(0x21, 0x21, &v6()[..35]),
        v2(0x21, 0x31, &[0; 215]),
        v2(0x20, 0x00, &[0; MAX_BYTES]),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"\r\n\r\n".repeat(4),
    ]);
    for bytes in bad {
        assert_eq!(
            parse(&bytes),
            Parsed::Bad,
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn a_length_that_is_too_large_is_told_before_its_bytes_have_come() {
    let mut bytes = V2_SIGNATURE.to_vec();
    bytes.extend([0x21, 0x11, 0xff, 0xff]);
    assert_eq!(parse(&bytes), Parsed::Bad);
}

/// Feeds a header as a connection does: never more than was asked for. Returns how many reads it took.
fn fed(bytes: &[u8]) -> (Parsed, usize) {
    let (mut there, mut reads) = (0, 0);
    loop {
        match parse(&bytes[..there]) {
            Parsed::Incomplete { at_least } => {
                assert!(
                    at_least > 0 && there + at_least <= bytes.len(),
                    "asked for what follows"
                );
                there += at_least;
                reads += 1;
            }
            done => {
                assert_eq!(there, bytes.len());
                return (done, reads);
            }
        }
    }
}

#[test]
fn a_header_is_never_read_beyond_its_end() {
    for (bytes, _) in good() {
        let (parsed, reads) = fed(&bytes);
        assert_eq!(parsed, parse(&bytes));
        assert!(reads <= 48, "{reads} reads for {} bytes", bytes.len());
    }
}

proptest! {
    #[test]
    fn any_cut_of_a_header_lacks_at_most_what_is_missing(index in 0..15_usize, cut in 0..4096_usize) {
        let (bytes, _) = good().swap_remove(index);
        let cut = cut % bytes.len();
        match parse(&bytes[..cut]) {
            Parsed::Incomplete { at_least } => prop_assert!((1..=bytes.len() - cut).contains(&at_least)),
            other => prop_assert!(false, "{other:?} at {cut} of {bytes:?}"),
        }
    }

    #[test]
    fn whatever_comes_is_judged_within_its_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0..3_usize) {
        let start: &[u8] = [&b""[..], b"PROXY TCP4 ", V2_SIGNATURE][start];
        let bytes = [start, &bytes].concat();
        match parse(&bytes) {
            Parsed::Header { length, .. } => prop_assert!(length <= bytes.len()),
            Parsed::Incomplete { at_least } => prop_assert!((1..=MAX_BYTES).contains(&at_least)),
            Parsed::Bad => {}
        }
    }

    #[test]
    fn what_is_bad_stays_bad_whatever_follows(bytes in prop::collection::vec(any::<u8>(), 1..60), more in prop::collection::vec(any::<u8>(), 0..60)) {
        if parse(&bytes) == Parsed::Bad {
            prop_assert_eq!(parse(&[bytes, more].concat()), Parsed::Bad);
        }
    }

    #[test]
    fn every_address_is_read_as_it_is_written(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), port in any::<u16>()) {
        for (word, address) in [("TCP4", IpAddr::from(v4)), ("TCP6", IpAddr::from(v6))] {
            let line = v1(&format!("PROXY {word} {address} {address} {port} {port}"));
            prop_assert_eq!(fed(&line).0, Parsed::Header { source: Some(address), length: line.len() });
        }
        let both = [&v4[..], &v4, &[0; 4]].concat();
        let bytes = v2(0x21, 0x11, &both);
        prop_assert_eq!(parse(&bytes), Parsed::Header { source: Some(IpAddr::from(v4)), length: bytes.len() });
    }
}
