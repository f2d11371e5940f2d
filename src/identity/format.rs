//! From a claim's JSON value to text: `text`, `csv`, `json`, `base64url`.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Csv,
    Json,
    Base64Url,
}
