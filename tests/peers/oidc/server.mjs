// The certified oidc-provider on loopback, with one client and one person, who signs in by a button.
// node server.mjs '{"clientId", "clientSecret", "redirectUri", "claims": {sub, email, ...}}' prints its issuer and ends with its input.
import http from "node:http";
import Provider from "oidc-provider";

const { clientId, clientSecret, redirectUri, claims } = JSON.parse(process.argv[2]);
const server = http.createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...claims, sub: id }) }),
  cookies: { keys: [clientSecret] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // The company's own application asks nobody for consent.
  loadExistingGrant: async (context) => {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
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
console.log(issuer);
