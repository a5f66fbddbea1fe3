/** Asks the administration, with a key that is nowhere but in here. */

const TIMEOUT_MS = 10_000;
const BELOW = "/admin/v1";

/** Why nothing came of a request: *status* is 0 if there was no answer. */
export class Failed extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

export class Administration {
  #key;

  constructor(key) {
    this.#key = key;
  }

  /** One page of calls, with levels. */
  calls({ user, after, limit }) {
    const query = new URLSearchParams({ levels: "true", limit });
    if (user) query.set("user_id", user);
    if (after) query.set("after", after);
    return this.#ask("GET", `/calls?${query}`);
  }

  call(sessionId) {
    return this.#ask("GET", `/calls/${encodeURIComponent(sessionId)}`);
  }

  end(sessionId, words) {
    return this.#ask("POST", `/calls/${encodeURIComponent(sessionId)}/end`, words ? { words } : {});
  }

  listen(sessionId, reason) {
    return this.#ask("POST", `/calls/${encodeURIComponent(sessionId)}/listening`, { reason });
  }

  /** What is said behind *after*, in milliseconds of the call. */
  hear(sessionId, after) {
    return this.#ask("GET", `/calls/${encodeURIComponent(sessionId)}/listening${after === undefined ? "" : `?after=${after}`}`);
  }

  /** Sent also when the page goes. */
  endListening(sessionId) {
    return this.#ask("DELETE", `/calls/${encodeURIComponent(sessionId)}/listening`, undefined, true);
  }

  figures(span) {
    return this.#ask("GET", `/figures?span=${span}`);
  }

  limits() {
    return this.#ask("GET", "/limits");
  }

  bans() {
    return this.#ask("GET", "/bans");
  }

  keepOut(name, forS, reason) {
    return this.#ask("POST", "/bans", { kind: "user", name, for_s: forS, reason });
  }

  letIn({ kind, name }) {
    return this.#ask("DELETE", `/bans/${kind}/${encodeURIComponent(name)}`);
  }

  async #ask(method, path, body, keepalive = false) {
    const headers = { Authorization: `Bearer ${this.#key}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    let answer, told;
    try {
      answer = await fetch(BELOW + path, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store", keepalive });
      told = await answer.json();
    } catch {
      throw new Failed(answer?.status ?? 0, "The gateway does not answer.");
    }
    if (!answer.ok) throw new Failed(answer.status, told.error);
    return told;
  }
}
