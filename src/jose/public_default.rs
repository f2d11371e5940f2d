//! Key pairs whose private half every copy of a product holds: anybody can sign with them.

use aws_lc_rs::digest;

/// True when `material` (an RSA modulus without leading zeros, an uncompressed EC point, or an Ed25519 point) belongs to such a key pair.
pub fn is_public_default(material: &[u8]) -> bool {
    let digest = digest::digest(&digest::SHA256, material);
    let digest: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    WSO2.contains(&&*digest)
}

/// SHA-256 of the keys in every `wso2carbon.jks` and `wso2carbon.p12` that WSO2's public repositories have ever held
/// (carbon-kernel, product-is, product-apim); their password is `wso2carbon`. Products ship with one of them, and
/// renewing a certificate has often kept its key. The documentation tells operators to replace it.
const WSO2: [&str; 22] = [
    // RSA-1024, `wso2carbon`, certificates from 2010 to 2035.
    "eef534a4994fda05241404e70fffea885946cc129670ea55dc2dac116a24880b",
    // RSA-2048, `wso2carbon`, certificates from 2016 to 2017.
    "ee352f29fb5d812d8a3aa13a5d7777f5c579f92d39f6c6c50df8ae9c87df3405",
    // RSA-2048, `wso2carbon`, certificates from 2017 to 2017.
    "7ce595c464118315eadc2e53327c8b9c192bbc05055438dfbfb655aff5625319",
    // RSA-2048, `wso2carbon`, certificates from 2017 to 2027.
    "54178e6738be26819adadfcf53232b889925c66bb85a4d439692afd7f0c0a513",
    // RSA-2048, `secondkey`, certificates from 2019 to 2019.
    "0a0f57b8bf7e51891b5fdd38c36a0316c4a649ee58a517b0761a4aa152b7acf6",
    // RSA-2048, `thirdkey`, certificates from 2019 to 2019.
    "ad89c0106dc8262ca3ec34dd3ccd3688d7a761872ed050918d1872735dba84fe",
    // RSA-2048, `wso2carbon`, certificates from 2019 to 2022.
    "4053764b03f2d26d9afadf62ac2e823cbe333b7ea9273198e028c75217a0bf2b",
    // RSA-2048, `wso2carbon`, certificates from 2019 to 2029.
    "5451ddf2946c8aeabd53b8aeff7db6c38b3551f559384564fad33b07eb48cb3a",
    // RSA-2048, `wso2carbon`, certificates from 2022 to 2024.
    "0a7c1606fe0c3b74216a73f11ce25ec63cdc5fe68dd19f12185801e41f89a43a",
    // RSA-2048, `wso2carbon`, certificates from 2023 to 2024.
    "35dc7e987cfeeeb384b6aea99dcfe24ab6d2455ca8d1f1a40e3bce435120d0c4",
    // RSA-2048, `wso2carbon`, certificates from 2023 to 2025.
    "8d534d05d981f3a7de383c5212d4e4d27341f5fbe0d8e9871c3a1dc77e5cc968",
    // RSA-2048, `wso2carbon`, certificates from 2023 to 2025.
    "2edc1761aee7ad630520bf45aa6256d7949c2b60634637342e30efa0c2bb46cb",
    // RSA-2048, `newkey`, certificates from 2024 to 2024.
    "645958888b72d9bc5bed653fb7c1bb7b0db0d89f653620aba8fbe310977e2af1",
    // RSA-2048, `wso2carbon`, certificates from 2024 to 2026.
    "138b9c5b8fdf3eb73e1a3df7d96a732c5cfb0080c851670bf6654bb28c486a5e",
    // RSA-2048, `wso2carbon`, certificates from 2024 to 2026.
    "9d94e99d0a572a245a5d7f93ed531e008fa0f7f80229404addd3a9878070c5ae",
    // RSA-2048, `wso2carbon`, certificates from 2025 to 2027.
    "853f5b1b18711fb0a591d94127b63397cb794cee6c8f502780096a1f397bc3e2",
    // RSA-2048, `wso2carbon`, certificates from 2025 to 2027.
    "028579fc2c4a4510a52245ff550d87462e37042d1fd929417bf0c419409127df",
    // RSA-2048, `wso2carbon`, certificates from 2025 to 2028.
    "173e36d96cef791d1fcb3a2d992090935a73d6faa49cdc4c53d0ba206d437b1a",
    // RSA-2048, `wso2carbon`, certificates from 2025 to 2045.
    "4361c3313a8f766c7fa48b477f301367698dc1a4aa20f623d69a5374c0cf815e",
    // EC secp256r1, `wso2carbon-ec`, certificates from 2026 to 2036.
    "e8d5d862dbbee3fe801f20a8fb1be22d4276db4df8fd780c1375cc0a54160025",
    // Ed25519, `wso2carbon-eddsa`, certificates from 2026 to 2036.
    "5e6f0bafdebefaeb0655a671e5ec0c818c595041def4b9e5203df69784f9cc4c",
    // RSA-2048, `wso2carbon`, certificates from 2026 to 2028.
    "bde6cf914843fb39c3c89cdc306b2ddedd695cb44898126e5da35cd424f9e7f9",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_distinct_digests_in_lower_case() {
        let distinct: std::collections::BTreeSet<_> = WSO2.iter().collect();
        assert_eq!(distinct.len(), WSO2.len());
        for digest in WSO2 {
            assert_eq!(digest.len(), 64);
            assert!(
                digest
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            );
        }
    }
}
