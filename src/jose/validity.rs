//! When an X.509 certificate ends (RFC 5280 §4.1.2.5).

use jiff::civil::DateTime;

use super::der::{self, NotDer, Reader};

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Two-digit years from here on are of the last century (RFC 5280 §4.1.2.5.1).
const FIRST_OF_LAST_CENTURY: i16 = 50;

/// The `notAfter` of a DER certificate, in seconds since 1970.
pub fn not_after(certificate: &[u8]) -> Result<i64, NotDer> {
    let mut certificate = der::only(certificate, der::SEQUENCE)?;
    let mut fields = Reader::new(certificate.expect(der::SEQUENCE)?);
    fields.skip_optional(der::CONTEXT_0)?;
    fields.expect(der::INTEGER)?;
    // Signature algorithm, issuer.
    for _ in 0..2 {
        fields.expect(der::SEQUENCE)?;
    }
    let mut validity = Reader::new(fields.expect(der::SEQUENCE)?);
    time(&mut validity)?;
    let end = time(&mut validity)?;
    validity.end()?;
    Ok(end)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, nothing else (§4.1.2.5.1 and .2).
fn time(reader: &mut Reader<'_>) -> Result<i64, NotDer> {
    let (text, year_digits) = match reader.expect_one_of(&[UTC_TIME, GENERALIZED_TIME])? {
        (UTC_TIME, text) => (text, 2),
        (_, text) => (text, 4),
    };
    let digits = text.strip_suffix(b"Z").ok_or(NotDer)?;
    if digits.len() != year_digits + 10 {
        return Err(NotDer);
    }
    let (year, rest) = digits.split_at_checked(year_digits).ok_or(NotDer)?;
    let year = match number(year)? {
        short if year_digits == 2 && short < FIRST_OF_LAST_CENTURY => 2000 + short,
        short if year_digits == 2 => 1900 + short,
        whole => whole,
    };
    let mut pairs = rest
        .chunks(2)
        .map(|pair| number(pair).and_then(|n| i8::try_from(n).map_err(|_| NotDer)));
    let mut next = || pairs.next().unwrap_or(Err(NotDer));
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    // Not as a time stamp of the library: the last one that it has is before 99991231235959Z, which stands for no end (§4.1.2.5).
    let time = DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| NotDer)?;
    Ok(time.duration_since(EPOCH).as_secs())
}

fn number(digits: &[u8]) -> Result<i16, NotDer> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotDer);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(NotDer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Result<i64, NotDer> {
        let der = der::value(tag, text.as_bytes());
        time(&mut Reader::new(&der))
    }

    #[test]
    fn times_are_read_in_the_two_forms_of_certificates_only() {
        assert_eq!(read(UTC_TIME, "700101000000Z"), Ok(0));
        assert_eq!(read(UTC_TIME, "491231235959Z"), Ok(2_524_607_999));
        assert_eq!(read(UTC_TIME, "500101000000Z"), Ok(-631_152_000));
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z"), Ok(2_524_608_000));
        assert_eq!(
            read(GENERALIZED_TIME, "99991231235959Z"),
            Ok(253_402_300_799)
        );
        for (tag, bad) in [
            (UTC_TIME, "20500101000000Z"),
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "700101000000"),
            (UTC_TIME, "700101000000+0000"),
            (UTC_TIME, "701301000000Z"),
            (UTC_TIME, "700230000000Z"),
            (UTC_TIME, "+00101000000Z"),
            (GENERALIZED_TIME, "700101000000Z"),
            (GENERALIZED_TIME, "20500101000000.5Z"),
            (GENERALIZED_TIME, ""),
            (der::INTEGER, "700101000000Z"),
        ] {
            assert!(read(tag, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_its_not_after() {
        for (year, seconds) in [
            (2020, 1_577_836_800),
            (2049, 2_493_072_000),
            (2050, 2_524_608_000),
            (4096, 67_090_118_400),
        ] {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let der = certificate.der();
            assert_eq!(not_after(der), Ok(seconds), "{year}");
            for cut in 0..der.len() {
                assert!(not_after(der.get(..cut).unwrap()).is_err());
            }
        }
    }
}
