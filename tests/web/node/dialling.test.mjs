/** A call that dials: by one connection at a time, with a token that is one, and for its own reasons. */

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { connect } from "../../../tornado_app/web/parley.js";
import { awaited, begun } from "./begun.mjs";
import { Gateway, turns, until } from "./gateway.mjs";

let call;
const URL_ = "https://gateway.test";

afterEach(() => {
  mock.restoreAll();
  call?.close();
});

/** Have what waits *atLeastMs* or longer wait for the test instead: what was asked for and is not cleared. */
function timers(atLeastMs) {
  const { setTimeout, clearTimeout } = globalThis;
  const asked = [];
  mock.method(globalThis, "setTimeout", (act, ms, ...more) => {
    if (!(ms >= atLeastMs)) return setTimeout(act, ms, ...more);
    return asked[asked.push({ ms, act: () => act(...more) }) - 1];
  });
  mock.method(globalThis, "clearTimeout", (timer) => {
    if (!asked.includes(timer)) return clearTimeout(timer);
    return asked.splice(asked.indexOf(timer), 1);
  });
  return asked;
}

test("a try that is asked for while one is under way is that one", async () => {
  const asked = [];
  const getToken = () => (asked.push(awaited()), asked.length === 1 ? "secret" : asked.at(-1).promise);
  const told = await begun({ getToken });
  ({ call } = told);
  told.gateway.last.onclose({ code: 1006 });
  call.retry();
  call.retry();
  assert.equal(asked.length, 2);
  asked[1].resolve("secret");
  await until(() => told.gateway.sockets.length === 2);
  told.gateway.last.connect();
  assert.equal(call.state, "connected");
});

test("a listener that asks for a try at once has one", async () => {
  const waits = timers(200);
  const told = await begun();
  ({ call } = told);
  call.on("status", ({ state }) => state === "reconnecting" && call.retry());
  told.gateway.last.onclose({ code: 1006 });
  await turns();
  told.gateway.last.connect();
  for (const { ms, act } of waits) if (ms < 1000) act();
  await turns();
  assert.equal(told.gateway.sockets.length, 2);
});

test("a connection that does not open in time is given up, and is none later", async () => {
  const waits = timers(15_000);
  const gateway = new Gateway();
  call = connect({ url: URL_, getToken: () => "secret" });
  await until(() => gateway.last);
  const [late] = gateway.sockets;
  late.close = () => (late.isClosed = true);
  waits[0].act();
  assert.deepEqual([call.state, late.isClosed], ["reconnecting", true]);
  await until(() => gateway.sockets.length === 2);
  late.connect();
  assert.equal(call.state, "reconnecting");
});

test("a token that does not come, for a line that was lost, is asked for again", async () => {
  const tokens = ["secret", awaited().promise, "other"];
  const told = await begun({ getToken: () => tokens.shift() });
  ({ call } = told);
  const waits = timers(15_000);
  told.gateway.last.onclose({ code: 1006 });
  await until(() => waits.length);
  waits[0].act();
  await turns();
  assert.match(told.of("status").at(-1).sentence, /^There is no token: /);
  await until(() => told.gateway.sockets.length === 2);
  assert.equal(told.gateway.last.protocols[1], "bearer.other");
});

for (const [what, give, sentence] of [
  ["nothing", () => Promise.reject(), "There is no token: getToken has failed."],
  ["a text", () => Promise.reject("no answer"), "There is no token: no answer"],
  ["a page of its server", () => "<!doctype html><p>Oh no.", "There is no token: what getToken gave is none."],
  ["undefined", () => undefined, "There is no token: what getToken gave is none."],
]) {
  test(`where getToken fails once, by ${what}, the call comes about by the next try`, async () => {
    const gateway = new Gateway();
    const told = [];
    let tries = 0;
    call = connect({ url: URL_, getToken: () => (tries++ ? "secret" : give()) });
    call.on("status", (event) => told.push(event));
    await until(() => gateway.last);
    assert.deepEqual(told.map(({ state }) => state), ["connecting", "reconnecting"]);
    assert.deepEqual([told[1].code, told[1].sentence], ["token_missing", sentence]);
    gateway.last.connect();
    await call.ready;
  });
}

test("a token may end with a line of its own, as servers write it", async () => {
  const told = await begun({ getToken: () => "secret\n" });
  ({ call } = told);
  assert.equal(told.gateway.last.protocols[1], "bearer.secret");
  told.gateway.last.say("token_expiring", { expires_at: 1 });
  await until(() => told.gateway.last.sent.length);
  assert.equal(told.gateway.last.sent[0].token, "secret");
});

for (const url of ["localhost:8765", "https://"]) {
  test(`a call to ${url} has ended, with a sentence`, async () => {
    new Gateway();
    call = connect({ url, getToken: () => "secret" });
    await assert.rejects(call.ready, { name: "CallError", code: "bad_request", message: `This is no address of a gateway, which begins with https, wss, http or ws: ${url}` });
    assert.equal(call.state, "ended");
  });
}

test("why one connection was refused says nothing of why the next one broke", async () => {
  const { call: begunCall, gateway } = await begun();
  call = begunCall;
  gateway.last.say("error", { code: "token_expired", retryable: false }, "The token has expired.");
  gateway.last.onclose({ code: 4410 });
  await until(() => gateway.sockets.length === 2);
  gateway.last.onclose({ code: 1011 });
  assert.equal(call.state, "reconnecting");
});

test("a line is back once, however often that is told", async () => {
  const told = await begun({}, { resume_token: "again" });
  ({ call } = told);
  told.gateway.last.onclose({ code: 1006 });
  await until(() => told.gateway.sockets.length === 2);
  for (const resume_token of ["never heard", "newest"]) told.gateway.last.connect({ resumed: true, resume_token, chunk: 0, received: 0 });
  assert.deepEqual(told.of("status").filter(({ sentence }) => sentence.includes("NaN")), []);
  assert.equal(call.stats.reconnects, 1);
});

test("a call that its page ends because the answer has ended, has ended once", async () => {
  const told = await begun();
  ({ call } = told);
  call.on("playback_ended", () => call.close());
  told.gateway.last.sound({}, new Float32Array(24_000));
  await until(() => call.speaking);
  call.close();
  assert.equal(told.of("status").filter(({ state }) => state === "ended").length, 1);
});

test("what is typed in one call has no name of what is typed in another", async () => {
  const names = [];
  for (let time = 0; time < 2; time++) {
    const told = await begun();
    ({ call } = told);
    call.say("Hello.");
    names.push(told.of("transcript")[0].itemId);
    call.close();
  }
  assert.notEqual(names[0], names[1]);
});

test("a session that broke before it was connected, and is gone, leaves nothing behind", async () => {
  const gateway = new Gateway();
  call = connect({ url: URL_, getToken: () => "secret" });
  await until(() => gateway.last);
  gateway.last.onopen();
  const format = { format: "pcm16", rate_hz: 24_000, channels: 1 };
  const negotiated = { input: format, output: format, turn_detection: "none" };
  gateway.last.say("connection_status", { status: "connecting", session_id: "a", negotiated, resume_token: "first" });
  for (let number = 0; number < 3; number++) call.say("Old.");
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect({ resumed: false, resume_token: "second" });
  call.say("New.");
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 3);
  gateway.last.connect({ resumed: true, resume_token: "third", chunk: 0, received: 0 });
  assert.deepEqual(gateway.last.sent.map(({ text }) => text), ["New."]);
});
