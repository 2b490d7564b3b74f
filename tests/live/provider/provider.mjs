// An OpenID provider with a small sign-in of its own: GET /interaction/ID?name=ann signs ann in and agrees, ?cancel=1 does not.
// Usage: node provider.mjs REDIRECT_URI... ; prints its issuer when it listens, and ends with its standard input.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const redirects = process.argv.slice(2);
const people = {
  ann: { preferred_username: 'ann', name: 'Ann Lee', email: 'ann@example.org', email_verified: true },
  bob: { preferred_username: 'ann@example.org', name: 'ann@example.org', email: 'ann@example.org', email_verified: false },
  dan: { preferred_username: 'dan', name: 'Dan', email: 'dan@elsewhere.example', email_verified: true },
};
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const client = { redirect_uris: redirects, post_logout_redirect_uris: redirects.map((uri) => new URL('/enter', uri).href) };
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'webbot', client_secret: 'a secret: with %, + and more', ...client },
      { client_id: 'public', token_endpoint_auth_method: 'none', ...client },
    ],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: ['of the tests'] },
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    const asked = new URL(request.url, issuer);
    if (!asked.pathname.startsWith('/interaction/')) return answer(request, response);
    const { prompt, params } = await provider.interactionDetails(request, response);
    const name = asked.searchParams.get('name');
    if (asked.searchParams.has('cancel')) {
      return provider.interactionFinished(request, response, { error: 'access_denied' });
    }
    if (prompt.name === 'login' && !name) return response.end(asked.pathname);
    const result = {};
    if (name) result.login = { accountId: name };
    const grant = new provider.Grant({ accountId: name ?? (await provider.interactionDetails(request, response)).session.accountId,
      clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result.consent = { grantId: await grant.save() };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  });
  console.log(issuer);
});
process.stdin.on('end', () => process.exit()).resume();
