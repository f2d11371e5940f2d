//! Public keys that prove nothing: too small, guessable, or forgeable by anybody.

/// RFC 7518 §3.3 wants 2048 bits or more; aws-lc-rs verifies up to 8192.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Bits of the largest public exponent; aws-lc refuses longer ones.
pub const MAX_RSA_EXPONENT_BITS: usize = 33;

/// True for an RSA key that must not be trusted. Both numbers are big-endian without leading zeros.
pub fn is_weak_rsa(modulus: &[u8], exponent: &[u8]) -> bool {
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    !RSA_BITS.contains(&bits(modulus))
        || !is_odd(modulus)
        || !is_odd(exponent)
        || exponent == [1]
        || bits(exponent) > MAX_RSA_EXPONENT_BITS
        || has_roca_fingerprint(modulus)
}

/// True for the points of small order of edwards25519: under such a key anybody can write a signature that verifies.
/// The encodings are those of libsodium's `ge25519_has_small_order`, with the sign bit left out.
pub fn is_small_order_ed25519(key: &[u8; 32]) -> bool {
    let mut unsigned = *key;
    unsigned[31] &= 0x7f;
    ED25519_SMALL_ORDER.contains(&unsigned)
}

fn bits(number: &[u8]) -> usize {
    match number.first() {
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

/// The fingerprint of CVE-2017-15361 ("ROCA", Nemec et al. 2017, §3.3): a vulnerable modulus is a power of 65537
/// modulo each of these primes. A sound modulus passes all of them with a probability of about 2^-28.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let residue = modulus
            .iter()
            .fold(0u32, |sum, byte| (sum << 8 | u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * (65537 % prime) % prime;
            power == residue
        })
    })
}

const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// y little-endian, sign bit clear; non-canonical spellings (y + p) included.
const ED25519_SMALL_ORDER: [[u8; 32]; 7] = [
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

#[cfg(test)]
mod tests {
    use super::super::base64url;
    use super::super::material::Material;
    use super::super::minting;
    use super::*;

    /// An odd number of this many bits that is no power of 65537 modulo small primes.
    fn number(bits: usize) -> Vec<u8> {
        let mut number = vec![0x5b; bits.div_ceil(8)];
        let top = (bits - 1) % 8;
        number[0] = 1 << top | (0x5b & ((1 << top) - 1));
        number
    }

    #[test]
    fn j14_rsa_moduli_must_have_2048_to_8192_bits() {
        for (bits, is_weak) in [
            (8, true),
            (512, true),
            (1024, true),
            (2047, true),
            (2048, false),
            (2049, false),
            (4096, false),
            (8192, false),
            (8193, true),
        ] {
            assert_eq!(is_weak_rsa(&number(bits), &[1, 0, 1]), is_weak, "{bits}");
        }
        assert!(is_weak_rsa(&[], &[1, 0, 1]));
        let mut even = number(2048);
        *even.last_mut().unwrap() = 0x5a;
        assert!(is_weak_rsa(&even, &[1, 0, 1]));
    }

    #[test]
    fn j14_rsa_exponents_must_be_odd_three_or_more_and_no_longer_than_33_bits() {
        for (exponent, is_weak) in [
            (&[][..], true),
            (&[1], true),
            (&[2], true),
            (&[3], false),
            (&[1, 0, 0], true),
            (&[1, 0, 1], false),
            (&[1, 0xff, 0xff, 0xff, 0xff], false),
            (&[2, 0, 0, 0, 1], true),
            (&[1; 256], true),
        ] {
            assert_eq!(
                is_weak_rsa(&number(2048), exponent),
                is_weak,
                "{exponent:?}"
            );
        }
    }

    #[test]
    fn j14_roca_moduli_are_known_by_their_fingerprint() {
        // A power of 65537 is one modulo every prime: what makes a vulnerable modulus recognizable.
        let mut power = vec![1u8];
        for exponent in 1..=200 {
            let mut next = power.clone();
            next.extend([0, 0]);
            let mut carry = 0u16;
            for at in (0..next.len()).rev() {
                let added = (at + power.len())
                    .checked_sub(next.len())
                    .map_or(0, |i| u16::from(power[i]));
                let sum = u16::from(next[at]) + added + carry;
                next[at] = sum as u8;
                carry = sum >> 8;
            }
            assert_eq!(carry, 0);
            power = next;
            assert!(has_roca_fingerprint(&power), "{exponent}");
        }
        assert!(RSA_BITS.contains(&bits(&power)));
        assert!(is_weak_rsa(&power, &[1, 0, 1]));
        *power.last_mut().unwrap() ^= 2;
        assert!(!has_roca_fingerprint(&power));
    }

    #[test]
    fn j14_sound_keys_are_not_weak() {
        let Ok(Material::Rsa { modulus, exponent }) =
            super::super::spki::from_pkcs1(&minting::RSA.bare())
        else {
            panic!("an RSA key");
        };
        assert!(!is_weak_rsa(&modulus, &exponent));
        let point = minting::ED25519.bare().try_into().unwrap();
        assert!(!is_small_order_ed25519(&point));
    }

    #[test]
    fn j14_ed25519_points_of_small_order_are_weak() {
        for known in [
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
            "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
            "7P_______________________________________38",
            "7f_______________________________________38",
            "7v_______________________________________38",
        ] {
            let mut point: [u8; 32] = base64url::decode(known).unwrap().try_into().unwrap();
            assert!(is_small_order_ed25519(&point), "{known}");
            point[31] |= 0x80;
            assert!(is_small_order_ed25519(&point), "{known}");
            point[16] ^= 1;
            assert!(!is_small_order_ed25519(&point), "{known}");
        }
    }
}
