/** What a call does with orders, tools and speech while its line is lost, or its page asleep. */

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { awaited, begun } from "./begun.mjs";
import { until } from "./gateway.mjs";

const second = new Float32Array(24_000).fill(0.25);
let told;

afterEach(() => {
  mock.restoreAll();
  told.call.close();
});

/** The line breaks, and is back with *first* of the new connection. */
async function breaks(first, meanwhile = () => {}) {
  const { gateway } = told;
  const sockets = gateway.sockets.length;
  gateway.last.onclose({ code: 1006 });
  meanwhile();
  await until(() => gateway.sockets.length > sockets);
  gateway.last.connect({ resume_token: "once more", ...first });
}

/** The items that begin to sound. */
const sounding = () => told.of("speaking").map(({ itemId }) => itemId);

test("an interruption that its line has lost still lets nothing of the old answer through", async () => {
  told = await begun({}, { resume_token: "again" });
  const { call, gateway } = told;
  const came = [];
  call.on("audio", ({ itemId }) => came.push(itemId));
  gateway.last.sound({}, second);
  await until(() => call.speaking);
  call.interrupt();
  const order = gateway.last.sent.at(-1);
  await breaks({ resumed: true, chunk: 0, received: told.gateway.last.sent.length });
  gateway.last.sound({ offset_ms: 1000 }, second);
  gateway.last.say("interrupted", { item_id: "item", heard_ms: order.heard_ms, ref: order.id });
  gateway.last.sound({ item_id: "next" }, second.subarray(0, 2400));
  assert.deepEqual(came, ["item", "next"]);
});

test("an answer that is interrupted while the line is lost is interrupted when it is back", async () => {
  told = await begun({}, { resume_token: "again" });
  const { call, gateway } = told;
  gateway.last.sound({}, second);
  await until(() => call.speaking);
  const received = gateway.last.sent.length;
  await breaks({ resumed: true, chunk: 0, received }, () => call.interrupt());
  const [order] = gateway.last.sent;
  assert.deepEqual([order?.type, order?.item_id], ["interrupt", "item"]);
  gateway.last.sound({ offset_ms: 1000 }, second);
  gateway.last.say("interrupted", { item_id: "item", heard_ms: order.heard_ms, ref: order.id });
  gateway.last.sound({ item_id: "next" }, second.subarray(0, 2400));
  await until(() => sounding().includes("next"));
  assert.deepEqual(sounding(), ["item", "next"]);
});

test("what a tool has brought for a session that is gone is not told to the next one", async () => {
  const output = awaited();
  told = await begun({ tools: [{ name: "wait", run: () => output.promise }] }, { resume_token: "again" });
  told.gateway.last.say("tool_call", { call_id: "c1", name: "wait", arguments: {} });
  told.gateway.last.onclose({ code: 1006 });
  output.resolve("done");
  await until(() => told.of("tool").some(({ status }) => status === "done"));
  told.call.say("And this.");
  await until(() => told.gateway.sockets.length > 1);
  told.gateway.last.connect({ resumed: false, resume_token: "new" });
  await until(() => told.gateway.last.sent.length);
  assert.deepEqual(told.gateway.last.types(), ["text"]);
});

const circle = {};
circle.self = circle;
for (const [what, output] of [["a circle", circle], ["a number that JSON has not", 1n], ["a function", () => 1]]) {
  test(`a tool that brings ${what} has failed, and the model is told`, async () => {
    told = await begun({ tools: [{ name: "odd", run: () => output }] });
    const { gateway } = told;
    gateway.last.say("tool_call", { call_id: "c1", name: "odd", arguments: {} });
    await until(() => gateway.last.sent.length);
    const [{ output: text, is_error: isError }] = gateway.last.sent;
    assert.deepEqual([text, isError], ["What the function odd brought cannot be written as JSON.", true]);
    assert.equal(told.of("tool").at(-1).status, "failed");
  });
}

test("a file is said at its pace where a page in the background has few of its timers", async () => {
  const { setTimeout } = globalThis;
  told = await begun({ parameters: { turn_detection: "none" } });
  const timers = mock.method(globalThis, "setTimeout", (act, ms, ...more) => setTimeout(act, Math.max(100, ms), ...more));
  await told.call.play(second.subarray(0, 12_000), 24_000); // 25 chunks, which are 500 ms
  assert.ok(timers.mock.callCount() <= 6, `it waited ${timers.mock.callCount()} times`);
});
