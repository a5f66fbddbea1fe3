/** Where a token comes from: this server, the application's own, or a person's hand. */

/** There is no token; *code* is as the protocol's codes are. */
export class NoToken extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.code = code;
    this.sentence = sentence;
  }
}

/** A token from the address that /console/about names as `token`. */
export async function fetchToken(source) {
  if (source === "paste") throw new NoToken("token_missing", "A token is needed to connect.");
  let answer;
  try {
    answer = await fetch(source, { method: "POST", credentials: "include", cache: "no-store", redirect: "error" });
  } catch {
    throw new NoToken("token_unavailable", `${where(source)} cannot be reached, or does not let this page ask.`);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && typeof body?.token === "string") return body.token;
  const reason = typeof body?.error === "string" && body.error ? body.error : `It answered with ${answer.status}.`;
  throw new NoToken("token_unavailable", `${where(source)} gave none: ${reason}`);
}

const where = (source) => (source.startsWith("/console/") ? "The gateway" : new URL(source, location.href).host);
