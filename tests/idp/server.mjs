// A certified OpenID provider (npm `oidc-provider`) for the end-to-end tests, with its keys in our hands.
//
//   node server.mjs [PORT]     prints one JSON line {"issuer", "control"} when it is ready
//
// The control port (another one, never the issuer's):
//   POST /publish   a new key joins the key set; tokens are still signed with the old one
//   POST /promote   tokens are signed with the newest key
//   POST /retire    every key but the signing one leaves the key set
//   POST /stall     {"on": true}: the key set is accepted and never answered
//   POST /new-decryption-keys      the clients get new keys to decrypt with; tokens are still encrypted to the old ones
//   POST /encrypt-to-new-keys      tokens are encrypted to the newest ones
//   POST /retire-decryption-keys   the clients forget all but the newest ones
//   GET  /stats     {"jwks": number of requests for the key set, "kids": [...], "decryption": the clients' private keys}
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const AUDIENCE = 'urn:example:api';
const CLIENT = {
  client_id: 'legacy-app',
  client_secret: 'not-a-secret-outside-of-this-test',
  redirect_uris: ['http://127.0.0.1:1/callback'],
  grant_types: ['authorization_code', 'client_credentials'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
};
// Clients whose ID tokens are encrypted, each in its own way.
const ENCRYPTED = {
  'encrypted-rsa': { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
  'encrypted-ec': { alg: 'ECDH-ES', enc: 'A128CBC-HS256' },
};
const PEOPLE = {
  alice: { email: 'alice@example.com', email_verified: true, name: 'Alice Liddell', preferred_username: 'alice', groups: ['staff', 'editors'], roles: ['admin'] },
  jose: { email: 'jose@example.com', email_verified: false, name: 'José Ñandú', preferred_username: 'josé', groups: ['a,admin', 'staff'], roles: [] },
};

const newKey = () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
};

// Private keys to decrypt with, one for each way, newest first.
const newDecryptionKeys = () => {
  const pairs = { 'RSA-OAEP-256': generateKeyPairSync('rsa', { modulusLength: 2048 }), 'ECDH-ES': generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
  return Object.entries(pairs).map(([alg, { privateKey }]) => ({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'enc', alg }));
};
const publicHalf = ({ d, p, q, dp, dq, qi, ...key }) => key;

const encryptedClients = () => Object.entries(ENCRYPTED).map(([client_id, { alg, enc }]) => ({
  ...CLIENT,
  client_id,
  id_token_encrypted_response_alg: alg,
  id_token_encrypted_response_enc: enc,
  jwks: { keys: encryptedTo.filter((key) => key.alg === alg).map(publicHalf) },
}));

let keys = [newKey()];
let decryptionKeys = newDecryptionKeys();
let encryptedTo = decryptionKeys;
let provider;
let handler;
let jwksRequests = 0;
let stalled = false;

const server = createServer((request, response) => {
  if (request.url.startsWith('/jwks')) {
    jwksRequests += 1;
    if (stalled) return;
  }
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
    return;
  }
  handler(request, response);
});

// Logs in whoever `login_hint` names and consents to everything: the pages a person would click through.
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
    return;
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile email');
  grant.addOIDCClaims(['groups', 'roles']);
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

// oidc-provider takes its keys when it is made: other keys, another provider behind the same socket.
function rebuild(issuer) {
  provider = new Provider(issuer, {
    clients: [CLIENT, ...encryptedClients()],
    jwks: { keys },
    cookies: { keys: ['throw-away'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups', 'roles'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      encryption: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_context, resource) => ({
          audience: resource === 'urn:example:short' ? AUDIENCE : resource,
          scope: 'read write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: resource === 'urn:example:short' ? 1 : 3600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    pkce: { required: () => false },
    ttl: { IdToken: 3600, AccessToken: 3600, Interaction: 60, Session: 600, Grant: 600, AuthorizationCode: 60, ClientCredentials: (_context, token) => token.resourceServer?.accessTokenTTL ?? 3600 },
  });
  handler = provider.callback();
}

const control = createServer((request, response) => {
  const answer = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const kids = () => keys.map((key) => key.kid);
  const act = {
    'POST /publish': () => { keys = [...keys, newKey()]; },
    'POST /promote': () => { keys = [keys.at(-1), ...keys.slice(0, -1)]; },
    'POST /retire': () => { keys = [keys[0]]; },
    'POST /stall': () => { stalled = true; },
    'POST /unstall': () => { stalled = false; },
    'POST /new-decryption-keys': () => { decryptionKeys = [...newDecryptionKeys(), ...decryptionKeys]; },
    'POST /encrypt-to-new-keys': () => { encryptedTo = decryptionKeys.slice(0, 2); },
    'POST /retire-decryption-keys': () => { decryptionKeys = decryptionKeys.slice(0, 2); },
    'GET /stats': () => {},
  }[`${request.method} ${request.url}`];
  if (!act) { response.writeHead(404).end(); return; }
  act();
  if (request.method === 'POST') rebuild(issuer);
  answer({ jwks: jwksRequests, kids: kids(), decryption: { keys: decryptionKeys } });
});

let issuer;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  rebuild(issuer);
  control.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ issuer, control: `http://127.0.0.1:${control.address().port}` }));
  });
});
process.on('SIGTERM', () => process.exit(0));
