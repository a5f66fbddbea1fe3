/** A call that is connected, for tests of what comes then. */

import { Gateway, until } from "./gateway.mjs";

const NAMES = ["status", "transcript", "speech", "speaking", "playback", "playback_ended", "interrupted", "response", "latency", "tool", "error", "message"];

/** The call, its gateway, and what it has told of. */
export async function begun(options = {}, first = {}) {
  const { connect } = await import("../../../tornado_app/web/parley.js"); // behind a browser, where a test has one
  const gateway = new Gateway();
  const log = [];
  const call = connect({ url: "https://gateway.test", getToken: () => "secret", ...options });
  for (const name of NAMES) call.on(name, (event) => log.push([name, event]));
  await until(() => gateway.last);
  gateway.last.connect(first);
  await call.ready;
  return { call, gateway, log, of: (name) => log.filter(([kind]) => kind === name).map(([, event]) => event) };
}

/** Something that is waited for until a test says what came of it. */
export function awaited() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
