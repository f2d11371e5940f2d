// What jose and aws-jwt-verify make of the tokens of a folder: `node judge_node.mjs FOLDER` writes `jose.tsv` and `aws-jwt-verify.tsv`.
// Each is told the policy of the `iss` that the token says, by the means that it has for that; what it has none for, is left to it.

import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { compactDecrypt, createLocalJWKSet, errors, importJWK, jwtVerify } from "jose";
import { CognitoJwtVerifier, JwtVerifier } from "aws-jwt-verify";

const folder = process.argv[2];
const { now, policies, key_sets: keySets, private_keys: privateKeys } = JSON.parse(readFileSync(`${folder}/theirs.json`, "utf8"));
// aws-jwt-verify asks nobody else.
Date.now = () => now * 1000;
const currentDate = new Date(now * 1000);

class Refused extends Error {}

/** A part of the token before anything is verified, as an application reads it that chooses by it. */
function said(token, part) {
  try {
    const value = JSON.parse(Buffer.from(token.split(".")[part], "base64url").toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function policyOf(token, intended) {
  const { iss } = said(token, 1);
  return Object.keys(policies).find((name) => policies[name].issuers.includes(iss)) ?? intended;
}

/** Claims that are this house's own. */
function checkRequired(policy, claims) {
  for (const [name, value] of Object.entries(policy.required_claims ?? {})) {
    if (claims[name] !== value) throw new Refused(name);
  }
}

/** Claims that are Cognito's own: jose leaves them to the application. */
function checkPool(policy, claims) {
  if (!policy.client_ids) return;
  if (claims.token_use === "id") {
    if (![claims.aud].flat().some((audience) => policy.client_ids.includes(audience))) throw new Refused("aud");
  } else if (claims.token_use === "access") {
    if (!policy.client_ids.includes(claims.client_id)) throw new Refused("client_id");
  } else {
    throw new Refused("token_use");
  }
}

function isEncrypted(token, policy) {
  return policy.encryptions !== undefined && token.split(".").length === 5;
}

/** The private key that an envelope names, or else the first of its kind. */
function privateKey({ alg, kid, epk }) {
  const kinds = { R: "RSA", A: "oct", d: "oct" };
  const fits = ({ kty, crv }) => (alg?.startsWith("ECDH") ? crv === epk?.crv : kty === kinds[alg?.[0]]);
  const key = privateKeys.keys.find((key) => (kid === undefined ? fits(key) : key.kid === kid));
  if (!key) throw new Refused("kid");
  return importJWK(key, alg);
}

function jose(name, policy) {
  const keys = policy.secret ? Buffer.from(policy.secret, "base64url") : createLocalJWKSet({ keys: keySets[name] });
  const options = {
    issuer: policy.issuers,
    audience: policy.audiences,
    algorithms: policy.algorithms,
    clockTolerance: policy.leeway,
    typ: policy.token_types?.[0],
    requiredClaims: ["exp"],
    currentDate,
  };
  const envelopes = { keyManagementAlgorithms: policy.key_management, contentEncryptionAlgorithms: policy.encryptions };
  return async (sent) => {
    const token = isEncrypted(sent, policy) ? (await compactDecrypt(sent, privateKey, envelopes)).plaintext : sent;
    let verified;
    try {
      verified = await jwtVerify(token, keys, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // Its documentation: several keys fit, so each is tried.
      for await (const key of error) {
        try {
          verified = await jwtVerify(token, key, options);
          break;
        } catch (inner) {
          if (!(inner instanceof errors.JWSSignatureVerificationFailed)) throw inner;
        }
      }
      if (!verified) throw new errors.JWSSignatureVerificationFailed();
    }
    checkPool(policy, verified.payload);
    checkRequired(policy, verified.payload);
    return verified.payload;
  };
}

/** The claims that are text, in which all must agree who allow. */
function texts(claims) {
  return JSON.stringify(Object.fromEntries(Object.entries(claims).filter(([, value]) => typeof value === "string")));
}

function aws(name, policy) {
  if (policy.secret) return undefined;
  const customJwtCheck = ({ header, payload }) => {
    // It has no list of algorithms.
    if (!policy.algorithms.includes(header.alg)) throw new Refused("alg");
    checkRequired(policy, payload);
  };
  const common = { graceSeconds: policy.leeway, customJwtCheck };
  const verifier = policy.user_pool_id
    ? CognitoJwtVerifier.create({ ...common, userPoolId: policy.user_pool_id, tokenUse: null, clientId: policy.client_ids })
    : JwtVerifier.create({ ...common, issuer: policy.issuers[0], audience: policy.audiences, jwksUri: "https://unused.example/jwks" });
  verifier.cacheJwks({ keys: keySets[name] });
  return async (token) => {
    // RSA-PSS is not among its algorithms, nor is any encryption.
    if (said(token, 0).alg === "PS256" || isEncrypted(token, policy)) return undefined;
    return verifier.verifySync(token);
  };
}

const kinds = { jose, "aws-jwt-verify": aws };
const verifiers = Object.entries(kinds).map(([label, kind]) => ({
  output: createWriteStream(`${folder}/${label}.tsv`),
  byPolicy: Object.fromEntries(Object.entries(policies).map(([name, policy]) => [name, kind(name, policy)])),
}));
for await (const line of createInterface({ input: createReadStream(`${folder}/tokens.jsonl`) })) {
  const { token, policy: intended } = JSON.parse(line);
  const name = policyOf(token, intended);
  for (const { output, byPolicy } of verifiers) {
    let verdict;
    try {
      const verify = byPolicy[name];
      const claims = verify && (await verify(token));
      verdict = claims ? `allow\t${texts(claims)}` : "n/a\t";
    } catch (error) {
      verdict = `deny\t${error.constructor.name}: ${JSON.stringify(String(error.message).slice(0, 120))}`;
    }
    output.write(`${verdict}\n`);
  }
}
for (const { output } of verifiers) output.end();
