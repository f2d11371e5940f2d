//! HPACK (RFC 7541) for the raw HTTP/2 client of the tests: it writes whatever it is told, and reads what the gate writes.

/// A field, literal and without indexing (§6.2.2), not one byte of it checked.
pub(in crate::proxy) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![0x00];
    for text in [name, value] {
        integer(&mut block, 0x00, 7, text.len());
        block.extend_from_slice(text);
    }
    block
}

/// §5.1.
fn integer(block: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        block.push(first | u8::try_from(value).unwrap());
        return;
    }
    block.push(first | u8::try_from(most).unwrap());
    let mut left = value - most;
    while left >= 128 {
        block.push(u8::try_from(left % 128).unwrap() | 0x80);
        left /= 128;
    }
    block.push(u8::try_from(left).unwrap());
}

pub(in crate::proxy) type Fields = Vec<(String, String)>;

/// The gate's side of a connection.
#[derive(Default)]
pub(in crate::proxy) struct Decoder {
    /// The newest first.
    dynamic: Fields,
}

impl Decoder {
    pub(in crate::proxy) fn decode(&mut self, mut block: &[u8]) -> Fields {
        let mut fields = Fields::new();
        while let Some(first) = block.first().copied() {
            match first {
                0x80.. => {
                    let index = take_integer(&mut block, 7);
                    fields.push(self.at(index));
                }
                0x40.. => {
                    let field = self.take_literal(&mut block, 6);
                    self.dynamic.insert(0, field.clone());
                    fields.push(field);
                }
                0x20.. => {
                    let size = take_integer(&mut block, 5);
                    assert!(size <= 4096, "the table is resized to {size}");
                    if size == 0 {
                        self.dynamic.clear();
                    }
                }
                _ => fields.push(self.take_literal(&mut block, 4)),
            }
        }
        fields
    }

    fn take_literal(&self, block: &mut &[u8], bits: u32) -> (String, String) {
        let name = match take_integer(block, bits) {
            0 => take_text(block),
            index => self.at(index).0,
        };
        (name, take_text(block))
    }

    fn at(&self, index: usize) -> (String, String) {
        match STATIC.get(index - 1) {
            Some((name, value)) => ((*name).to_owned(), (*value).to_owned()),
            None => self.dynamic[index - 1 - STATIC.len()].clone(),
        }
    }
}

fn take_integer(block: &mut &[u8], bits: u32) -> usize {
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(take(block, 1)[0]) & most;
    if value < most {
        return value;
    }
    for place in 0.. {
        let byte = usize::from(take(block, 1)[0]);
        value += (byte & 0x7f) << (7 * place);
        if byte < 128 {
            break;
        }
    }
    value
}

fn take<'b>(block: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = block.split_at(count);
    *block = rest;
    taken
}

fn take_text(block: &mut &[u8]) -> String {
    let huffman = block[0] & 0x80 != 0;
    let length = take_integer(block, 7);
    let bytes = take(block, length);
    if !huffman {
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    let (mut text, mut code, mut length) = (String::new(), 0_u32, 0_u8);
    for place in 0..bytes.len() * 8 {
        code = code << 1 | u32::from(bytes[place / 8] >> (7 - place % 8) & 1);
        length += 1;
        if let Some(at) = HUFFMAN.iter().position(|known| *known == (length, code)) {
            text.push(char::from(b' ' + u8::try_from(at).unwrap()));
            (code, length) = (0, 0);
        }
    }
    assert!(length < 8, "not printable ASCII: {bytes:?}");
    text
}

/// Appendix B, from the space to the tilde: bits and code.
const HUFFMAN: [(u8, u32); 95] = [
    (6, 0x14),
    (10, 0x3f8),
    (10, 0x3f9),
    (12, 0xffa),
    (13, 0x1ff9),
    (6, 0x15),
    (8, 0xf8),
    (11, 0x7fa),
    (10, 0x3fa),
    (10, 0x3fb),
    (8, 0xf9),
    (11, 0x7fb),
    (8, 0xfa),
    (6, 0x16),
    (6, 0x17),
    (6, 0x18),
    (5, 0x0),
    (5, 0x1),
    (5, 0x2),
    (6, 0x19),
    (6, 0x1a),
    (6, 0x1b),
    (6, 0x1c),
    (6, 0x1d),
    (6, 0x1e),
    (6, 0x1f),
    (7, 0x5c),
    (8, 0xfb),
    (15, 0x7ffc),
    (6, 0x20),
    (12, 0xffb),
    (10, 0x3fc),
    (13, 0x1ffa),
    (6, 0x21),
    (7, 0x5d),
    (7, 0x5e),
    (7, 0x5f),
    (7, 0x60),
    (7, 0x61),
    (7, 0x62),
    (7, 0x63),
    (7, 0x64),
    (7, 0x65),
    (7, 0x66),
    (7, 0x67),
    (7, 0x68),
    (7, 0x69),
    (7, 0x6a),
    (7, 0x6b),
    (7, 0x6c),
    (7, 0x6d),
    (7, 0x6e),
    (7, 0x6f),
    (7, 0x70),
    (7, 0x71),
    (7, 0x72),
    (8, 0xfc),
    (7, 0x73),
    (8, 0xfd),
    (13, 0x1ffb),
    (19, 0x7fff0),
    (13, 0x1ffc),
    (14, 0x3ffc),
    (6, 0x22),
    (15, 0x7ffd),
    (5, 0x3),
    (6, 0x23),
    (5, 0x4),
    (6, 0x24),
    (5, 0x5),
    (6, 0x25),
    (6, 0x26),
    (6, 0x27),
    (5, 0x6),
    (7, 0x74),
    (7, 0x75),
    (6, 0x28),
    (6, 0x29),
    (6, 0x2a),
    (5, 0x7),
    (6, 0x2b),
    (7, 0x76),
    (6, 0x2c),
    (5, 0x8),
    (5, 0x9),
    (6, 0x2d),
    (7, 0x77),
    (7, 0x78),
    (7, 0x79),
    (7, 0x7a),
    (7, 0x7b),
    (15, 0x7ffe),
    (11, 0x7fc),
    (14, 0x3ffd),
    (13, 0x1ffd),
];

/// Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
