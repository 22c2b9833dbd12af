// The certified oidc-provider on loopback, with one client and one person, who signs in by a button.
// node server.mjs '{"clientId", "clientSecret", "redirectUri", "claims": {sub, email, ...}}' prints its issuer and ends with its input.
// With "host" and "certificate" (a PEM file with its key) it speaks TLS as that host, its client proves itself in the body,
// refresh tokens are given and rotate, and it prints its port.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import Provider from "oidc-provider";

const { clientId, clientSecret, redirectUri, claims, host, certificate } = JSON.parse(process.argv[2]);
const pem = certificate && fs.readFileSync(certificate);
const server = pem ? https.createServer({ key: pem, cert: pem }) : http.createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const port = server.address().port;
const issuer = pem ? `https://${host}` : `http://127.0.0.1:${port}`;
const client = { client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] };
const asVendor = {
  clients: [
    { ...client, grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "client_secret_post" },
  ],
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  conformIdTokenClaims: false,
  ttl: { AccessToken: 300, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 300 },
};

const provider = new Provider(issuer, {
  clients: [client],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...claims, sub: id }) }),
  cookies: { keys: [clientSecret] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // The company's own application asks nobody for consent.
  loadExistingGrant: async (context) => {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email profile offline_access");
    await grant.save();
    return grant;
  },
  ...(pem && asVendor),
});

provider.use(async (context, next) => {
  if (!context.path.startsWith("/interaction/")) return next();
  if (context.method === "POST") {
    await provider.interactionFinished(context.req, context.res, { login: { accountId: claims.sub } });
    context.respond = false;
    return;
  }
  context.body = `<!doctype html><html lang="en"><title>IdP</title><link rel="icon" href="data:,">
<form method="post"><button>Sign in at the IdP</button></form></html>`;
});

server.on("request", provider.callback());
process.stdin.on("end", () => process.exit()).resume();
console.log(pem ? port : issuer);
