//! How text that is not plain ASCII is written in a header (threat H8).

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Percent,
    Utf8,
    Latin1,
    Rfc8187,
    Base64Url,
}
