/** The microphone of a page: had while it is wanted, and not a moment longer. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { browser, devices } from "./browser.mjs";
import { awaited, begun } from "./begun.mjs";
import { Gateway, turns, until } from "./gateway.mjs";

const { connect } = await import("../../../tornado_app/web/parley.js");
let call;

/** A call that asks for the microphone, and what it has told of. */
async function asking(options = {}) {
  const gateway = new Gateway();
  const states = [];
  call = connect({ url: "https://gateway.test", getToken: () => "secret", ...options });
  call.on("status", ({ state }) => states.push(state));
  await until(() => browser.asked.length);
  return { gateway, states };
}

/** One that is connected, with its microphone. */
async function talking(options) {
  const told = await asking(options);
  const track = browser.give();
  await until(() => told.gateway.last);
  told.gateway.last.connect();
  return { ...told, track };
}

afterEach(() => {
  call?.close();
  browser.asked.length = 0;
  browser.load = () => Promise.resolve();
});

for (const [when, load] of [["at once", () => Promise.resolve()], ["while its sound is loaded", () => loading.promise]]) {
  test(`a call that is ended ${when} asks for nothing`, async () => {
    loading = awaited();
    browser.load = load;
    const gateway = new Gateway();
    call = connect({ url: "https://gateway.test", getToken: () => "secret" });
    if (when !== "at once") await turns();
    call.close();
    loading.resolve();
    await turns();
    assert.deepEqual([call.state, browser.asked.length, gateway.sockets.length], ["ended", 0, 0]);
  });
}
let loading;

test("a call that is ended by who hears that it asks does not ask", async () => {
  call = connect({ url: "https://gateway.test", getToken: () => "secret" });
  call.on("status", ({ state }) => state === "asking" && call.close());
  await until(() => call.state === "ended");
  await turns();
  assert.equal(browser.asked.length, 0);
});

test("a microphone that is given when the call has ended is let go", async () => {
  const { states } = await asking();
  call.close();
  const track = browser.give();
  await turns();
  assert.deepEqual([track.isLive, states.at(-1), browser.listeners.size], [false, "ended", 0]);
});

test("another microphone that is given when the call has ended is let go", async () => {
  await talking();
  const wanted = call.useMicrophone("other");
  call.close();
  const other = browser.give();
  await wanted;
  assert.equal(other.isLive, false);
});

test("who types instead need not answer the browser first, and is not heard if they do later", async () => {
  const { gateway } = await asking();
  call.typeOnly();
  await until(() => gateway.last);
  const track = browser.give();
  await turns();
  assert.equal(track.isLive, false);
});

test("a microphone that was chosen is kept when the one that was waited for is back", async () => {
  const { track } = await talking();
  track.onended();
  await until(() => browser.asked.length);
  const lost = browser.asked.shift();
  lost.reject(new DOMException("", "NotFoundError"));
  await turns();
  const wanted = call.useMicrophone("chosen");
  const chosen = browser.give();
  await wanted;
  devices.dispatchEvent(new Event("devicechange"));
  await turns();
  assert.deepEqual([browser.asked.length, chosen.isLive], [0, true]);
});

test("who holds and lets go without a microphone is not heard by the one that comes", async () => {
  const { gateway } = await asking({ talk: "push_to_talk" });
  browser.asked.shift().reject(new DOMException("", "NotFoundError"));
  await turns();
  call.typeOnly();
  await until(() => gateway.last);
  gateway.last.connect();
  call.hold();
  call.release();
  const wanted = call.useMicrophone("new");
  browser.give();
  await wanted;
  browser.contexts.at(-1).nodes.at(-1).port.onmessage({ data: new Float32Array(960) });
  assert.ok(!gateway.last.types().includes("audio"));
});

test("what does not sound is not heard: an interruption counts what was played before", async ({ mock }) => {
  const { gateway } = await talking();
  const sound = browser.contexts.at(-1);
  const player = sound.nodes.find(({ name }) => name === "parley-playout");
  gateway.last.sound({}, new Float32Array(24_000));
  const now = { itemId: "item", playedMs: 200 };
  player.port.onmessage({ data: { epoch: 0, events: [{ type: "started", itemId: "item", responseId: "r" }], now, bufferedMs: 800, level: -20 } });
  sound.state = "interrupted"; // by a telephone call
  const later = performance.now() + 500;
  mock.method(performance, "now", () => later);
  call.interrupt();
  assert.equal(gateway.last.sent.at(-1).heard_ms, 200);
});

test("without sound there is no microphone to change, and that is said in a sentence", async () => {
  ({ call } = await begun({ microphone: false, speaker: false }));
  for (const change of [call.useMicrophone("other"), call.useSpeaker("other")]) {
    await assert.rejects(change, { name: "CallError", code: "not_supported", message: /\.$/ });
  }
});
