/** A call without a browser, before a gateway that says what a test tells it to. */

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { afterClose, connect } from "../../../tornado_app/web/parley.js";
import { begun } from "./begun.mjs";
import { Gateway, turns, until } from "./gateway.mjs";

let call;

/** A call that is connected, its gateway, and what it has told of. */
async function connected(options, first) {
  const told = await begun(options, first);
  call = told.call;
  return told;
}

afterEach(() => call?.close());

const second = new Float32Array(24_000).fill(0.25);

test("the opening says what is wanted, and keeps the token out of the address", async () => {
  const { gateway } = await connected({ parameters: { voice: "cedar", input_rate: 16_000 }, talk: "push_to_talk" });
  const { url, protocols } = gateway.last;
  assert.deepEqual(protocols, ["voice.v1", "bearer.secret"]);
  assert.equal(url.origin + url.pathname, "wss://gateway.test/ws");
  const asked = Object.fromEntries(url.searchParams);
  assert.deepEqual(asked, {
    input_format: "pcm16", output_format: "pcm16", output_rate: "24000", input_rate: "16000",
    turn_detection: "none", voice: "cedar", input_channels: "1", output_encoding: "binary",
  });
});

for (const [code, message] of [
  [1006, "The gateway cannot be reached."],
  [1002, "The gateway cannot be reached."],
  [1011, "The gateway cannot be reached."],
  [1001, "This server is being stopped; the call moves on."],
]) {
  test(`a gateway that was never there, closed with ${code}, has not dropped the connection`, async () => {
    const gateway = new Gateway();
    call = connect({ url: "https://gateway.test", getToken: () => "secret", reconnect: false });
    const ended = assert.rejects(call.ready, { message, code: "closed" });
    await until(() => gateway.last);
    gateway.last.onclose({ code });
    await ended;
    assert.equal(call.state, "ended");
  });
}

for (const [code, sentence] of [[1002, "The connection dropped."], [4409, "The call goes on at another place."]]) {
  test(`a call that is closed with ${code}, and without a word before, has ended`, async () => {
    const { gateway, of } = await connected();
    gateway.last.onclose({ code });
    assert.deepEqual([call.state, of("status").at(-1).sentence], ["ended", sentence]);
  });
}

test("who cannot be reached at the seventh try has ended", async () => {
  const gateway = new Gateway();
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, ms, ...more) => setTimeout(act, ms / 1000, ...more);
  try {
    call = connect({ url: "https://gateway.test", getToken: () => "secret" });
    await assert.rejects(call.ready, { message: "The gateway cannot be reached." });
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.deepEqual([call.state, gateway.sockets.length], ["ended", 7]);
});

test("an answer passes at the pace of speech, and is told of", async () => {
  const { gateway, of } = await connected();
  call.say("Hello.");
  gateway.last.say("response_started", { response_id: "response" });
  gateway.last.sound({ wait: { model_ms: 5, gateway_ms: 1 } }, second.subarray(0, 7200));
  gateway.last.say("response_done", { response_id: "response", status: "completed", usage: null });
  await until(() => of("playback_ended").length);
  assert.deepEqual(of("playback_ended"), [{ itemId: "item", heardMs: 300, interrupted: false }]);
  const [turn] = of("latency");
  assert.deepEqual([turn.modelMs, turn.gatewayMs], [5, 1]);
  assert.ok(Math.abs(turn.totalMs - turn.modelMs - turn.gatewayMs - turn.wayMs) < 6);
  const told = gateway.last.sent.filter(({ type }) => type === "playback");
  assert.deepEqual(told.at(-1), { type: "playback", item_id: "item", played_ms: 300 });
});

test("interrupt says what was heard, and lets nothing of the old answer through", async () => {
  const { gateway, of } = await connected();
  gateway.last.sound({}, second);
  await until(() => of("playback").some(({ playedMs }) => playedMs > 150));
  call.interrupt();
  const order = gateway.last.sent.at(-1);
  assert.equal(order.item_id, "item");
  assert.ok(order.heard_ms >= 150 && order.heard_ms < 1000);
  gateway.last.sound({ offset_ms: 1000 }, second); // was on its way
  gateway.last.say("interrupted", { item_id: "item", heard_ms: order.heard_ms, ref: order.id });
  gateway.last.sound({ item_id: "next" }, second.subarray(0, 2400));
  gateway.last.say("response_done", { response_id: "response", status: "completed", usage: null });
  await until(() => of("playback_ended").length === 2);
  assert.deepEqual(of("playback_ended").map(({ itemId, interrupted }) => [itemId, interrupted]), [["item", true], ["next", false]]);
  assert.deepEqual(of("speaking").map(({ itemId }) => itemId), ["item", "next"]);
});

test("a barge-in strikes out what was not heard", async () => {
  const { gateway, of } = await connected();
  gateway.last.say("transcript", { role: "assistant", item_id: "item", text: "x".repeat(100), final: false, delta: "" });
  gateway.last.sound({}, second);
  await until(() => of("playback").some(({ playedMs }) => playedMs > 200));
  gateway.last.say("interrupted", { item_id: "item", heard_ms: 200 });
  const struck = of("transcript").at(-1);
  assert.ok(struck.heardChars >= 20 && struck.heardChars < 100, `${struck.heardChars}`);
});

test("speech and orders keep their order while the line is down, and no more than is kept", async () => {
  const { gateway, of } = await connected({ parameters: { turn_detection: "none" } });
  gateway.last.onclose({ code: 1006 });
  assert.equal(call.state, "reconnecting");
  const said = call.play(second.subarray(0, 2400), 24_000);
  await said;
  call.say("And this.");
  assert.ok(Math.abs(call.stats.keptMs - 100) < 1e-6);
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect();
  await until(() => gateway.last.sent.length >= 7);
  assert.deepEqual(gateway.last.types(), [...Array(5).fill("audio"), "commit_audio", "text"]);
  const back = of("status").at(-1);
  assert.deepEqual([back.state, back.contextLost, call.stats.reconnects], ["connected", true, 1]);
  assert.match(back.sentence, /^The line is back after \d+\.\d s\. The model starts afresh/);
});

test("a gateway that can resume is asked to, and goes on where it was", async () => {
  const { gateway, of } = await connected({}, { resume_token: "again" });
  gateway.last.say("pong");
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 2);
  assert.equal(gateway.last.url.searchParams.get("resume"), "again");
  assert.equal(gateway.last.url.searchParams.get("last_seq"), "3");
  gateway.last.connect({ resumed: true, resume_token: "once more", chunk: 0, received: 0 });
  await until(() => call.state === "connected");
  assert.equal(of("status").at(-1).contextLost, false);
});

/** A call that is told when it is to look whether anything has come, and by no clock. */
async function watched(first) {
  const { setInterval } = globalThis;
  const looks = [];
  mock.method(globalThis, "setInterval", (look, ms) => (ms < 1000 ? setInterval(look, ms) : looks.push(look)));
  const told = await connected({}, first).finally(() => mock.restoreAll());
  return { ...told, look: looks[0] };
}

test("a line that is dead and looks open is given up, and the call goes on by another", async () => {
  const { gateway, look } = await watched({ resume_token: "again" });
  const [dead] = gateway.sockets;
  look();
  assert.deepEqual(dead.types().filter((type) => type === "ping"), []);
  look();
  assert.equal(dead.types().at(-1), "ping");
  assert.equal(call.state, "connected");
  look();
  assert.equal(call.state, "reconnecting");
  assert.notEqual(dead.closedWith, 1000); // it is the line that ends, and not the call
  await until(() => gateway.sockets.length === 2);
  assert.equal(gateway.last.url.searchParams.get("resume"), "again");
  gateway.last.connect({ resumed: true, chunk: 0, received: 0 });
  await until(() => call.state === "connected");
  dead.onclose({ code: 1006 }); // the browser has noticed
  assert.equal(call.state, "connected");
});

test("a line that says anything, be it the answer to a ping, lives", async () => {
  const { gateway, look } = await watched();
  for (let time = 0; time < 5; time++) {
    look();
    look();
    gateway.last.say("pong");
  }
  assert.equal(call.state, "connected");
  assert.equal(gateway.last.types().filter((type) => type === "ping").length, 5);
});

test("what the gateway has not got is sent again, and nothing else", async () => {
  const { gateway } = await connected({ parameters: { turn_detection: "none" } }, { resume_token: "again" });
  call.say("Before.");
  await call.play(second.subarray(0, 2400), 24_000);
  const [text, ...frames] = gateway.last.sent;
  assert.deepEqual(gateway.last.types(), ["text", ...Array(5).fill("audio"), "commit_audio"]);
  gateway.last.say("audio_received", { chunk: 2 });
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect({ resumed: true, resume_token: "once more", chunk: 3, received: 4 });
  assert.deepEqual(gateway.last.sent, frames.slice(3));
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 3);
  gateway.last.connect({ resumed: true, resume_token: "third", chunk: 5, received: 6 });
  assert.deepEqual(gateway.last.types(), ["commit_audio"]);
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 4);
  gateway.last.connect({ resumed: true, resume_token: "fourth", chunk: 5, received: 7 });
  assert.deepEqual(gateway.last.sent, []);
  call.say("Behind.");
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 5);
  gateway.last.connect({ resumed: true, resume_token: "fifth", chunk: 5, received: 7 });
  assert.deepEqual([gateway.last.sent[0].text, gateway.last.sent.length], ["Behind.", 1]);
  assert.equal(text.type, "text");
});

test("more than can be sent again is lost, and that is told", async () => {
  const { gateway, of } = await connected({}, { resume_token: "again" });
  for (let number = 0; number < 520; number++) call.say("Hello?");
  await until(() => gateway.last.types().length >= 520);
  for (const sentence of [/Some of what was said meanwhile is lost\.$/, /Nothing was lost\.$/]) {
    const sockets = gateway.sockets.length;
    gateway.last.onclose({ code: 1006 });
    await until(() => gateway.sockets.length > sockets);
    const received = sockets === 1 ? 0 : 512;
    gateway.last.connect({ resumed: true, resume_token: "again", chunk: 0, received });
    await until(() => call.state === "connected");
    assert.match(of("status").at(-1).sentence, sentence);
  }
});

test("what was said to a connection that broke before it was heard is no reason to send again twice", async () => {
  const { gateway } = await connected({}, { resume_token: "again" });
  call.say("Once.");
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 2);
  for (const resume_token of ["never heard", "newest"]) gateway.last.connect({ resumed: true, resume_token, chunk: 0, received: 0 });
  assert.deepEqual(gateway.last.sent.map(({ text }) => text), ["Once."]);
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 3);
  assert.equal(gateway.last.url.searchParams.get("resume"), "newest");
});

test("what a tool brings while the line is down is told when it is back", async () => {
  let finish;
  const tools = [{ name: "wait", description: "Waits.", run: () => new Promise((resolve) => (finish = resolve)) }];
  const { gateway } = await connected({ tools }, { resume_token: "again" });
  gateway.last.say("tool_call", { call_id: "c1", name: "wait", arguments: {} });
  await until(() => finish);
  gateway.last.onclose({ code: 1006 });
  finish("done");
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect({ resumed: true, resume_token: "once more", chunk: 0, received: 1 });
  await until(() => gateway.last.sent.length);
  assert.deepEqual([gateway.last.sent[0].type, gateway.last.sent[0].output], ["tool_result", "done"]);
});

test("a token is refreshed before it expires, and not shown to inspectors", async () => {
  const { gateway, of } = await connected();
  gateway.last.say("token_expiring", { expires_at: 1 });
  await until(() => gateway.last.sent.length);
  assert.deepEqual(gateway.last.sent, [{ type: "refresh_token", token: "secret" }]);
  assert.ok(!JSON.stringify(of("message")).includes("secret"));
});

test("where no other token is to be had, the page is told, and the call goes on", async () => {
  let tokens = 0;
  const getToken = () => (tokens++ ? Promise.reject(new Error("no answer")) : "secret");
  const { gateway, of } = await connected({ getToken });
  gateway.last.say("token_expiring", { expires_at: 1 });
  await until(() => of("error").length);
  assert.deepEqual([of("error")[0].code, of("error")[0].sentence], ["token_missing", "There is no token: no answer"]);
  assert.deepEqual([gateway.last.sent, call.state], [[], "connected"]);
});

test("an expired token is fetched anew, and a refused one is not tried again", async () => {
  let tokens = 0;
  const { gateway, of } = await connected({ getToken: () => `token-${++tokens}` });
  gateway.last.say("error", { code: "token_expired", retryable: false }, "The token has expired.");
  gateway.last.onclose({ code: 4410 });
  await until(() => gateway.sockets.length === 2);
  assert.equal(gateway.last.protocols[1], "bearer.token-2");
  gateway.last.say("error", { code: "token_invalid", retryable: false }, "The token is not good.");
  gateway.last.onclose({ code: 4401 });
  assert.deepEqual([call.state, of("status").at(-1).sentence], ["ended", "The token is not good."]);
});

test("a call that never came about says why", async () => {
  const gateway = new Gateway();
  call = connect({ url: "https://gateway.test", getToken: () => Promise.reject(new Error("no answer")), reconnect: false });
  await assert.rejects(call.ready, { name: "CallError", code: "token_missing", message: "There is no token: no answer" });
  assert.equal(gateway.sockets.length, 0);
  call = connect({ url: "https://gateway.test", getToken: () => "", parameters: { output_format: "opus" } });
  await assert.rejects(call.ready, { code: "unsupported_format" });
});

test("configure is what is in force, and is said again to a new session", async () => {
  const { gateway } = await connected();
  const asked = call.configure({ voice: "cedar" });
  const { id } = gateway.last.sent.at(-1);
  gateway.last.say("configured", { voice: "cedar", ref: id });
  assert.equal((await asked).voice, "cedar");
  assert.equal(call.negotiated.voice, "cedar");
  const refused = call.configure({ speed: 9 });
  gateway.last.say("error", { code: "invalid_message", field: "speed", retryable: false, ref: gateway.last.sent.at(-1).id }, "Too fast.");
  await assert.rejects(refused, { code: "invalid_message", field: "speed", message: "Too fast." });
  const lost = call.configure({ speed: 1.2 });
  gateway.last.onclose({ code: 1006 });
  await assert.rejects(lost, { code: "not_connected", retryable: true });
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect();
  assert.deepEqual({ ...gateway.last.sent[0], id: "" }, { type: "configure", voice: "cedar", id: "" });
});

test("what is configured while the line is down is asked of the next session", async () => {
  const { gateway } = await connected();
  gateway.last.onclose({ code: 1006 });
  const asked = call.configure({ voice: "cedar" });
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect();
  await until(() => gateway.last.sent.length);
  gateway.last.say("configured", { voice: "cedar", ref: gateway.last.sent[0].id });
  assert.equal((await asked).voice, "cedar");
});

test("a session that could not be resumed is a new one", async () => {
  const { gateway, of } = await connected({}, { resume_token: "again" });
  const asked = call.configure({ voice: "cedar" });
  gateway.last.onclose({ code: 1006 });
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect({ resumed: false });
  await assert.rejects(asked, { code: "not_connected" });
  assert.equal(of("status").at(-1).contextLost, true);
});

test("how sound stands on the wire is not for the page to change, but for its format", async () => {
  const { gateway } = await connected();
  await assert.rejects(call.configure({ output_format: "opus" }), { code: "unsupported_format", message: /pcm16, float32, pcmu, pcma/ });
  assert.deepEqual(gateway.last.sent, []);
  call.configure({ voice: "cedar", output_encoding: "base64", input_channels: 2 }).catch(() => {});
  assert.deepEqual(Object.keys(gateway.last.sent[0]), ["type", "voice", "id"]);
});

test("speech waits for a change of its format, and is in the new one", async () => {
  const { gateway } = await connected();
  const asked = call.configure({ input_format: "float32", input_rate: 48_000 });
  const { id } = gateway.last.sent.at(-1);
  const said = call.play(second.subarray(0, 2400), 24_000);
  await turns();
  assert.deepEqual(gateway.last.types(), ["configure"]);
  gateway.last.say("configured", { input: { format: "float32", rate_hz: 48_000, channels: 1 }, ref: id });
  await asked;
  await until(() => gateway.last.types().filter((type) => type === "audio").length >= 5);
  gateway.last.say("speech_stopped", { item_id: "item", audio_end_ms: 1 });
  await said;
  const frames = gateway.last.sent.filter((frame) => frame instanceof ArrayBuffer);
  assert.ok(Math.abs(frames[2].byteLength - 4 * 960) <= 8, `${frames[2].byteLength}`);
});

test("an answer in another format is read by what is in force", async () => {
  const { gateway, of } = await connected();
  const heard = [];
  call.on("audio", ({ samples, rateHz }) => heard.push([rateHz, samples.length, samples[0]]));
  gateway.last.sound({}, second.subarray(0, 240));
  gateway.last.say("configured", { output: { format: "pcmu", rate_hz: 8000, channels: 1, encoding: "binary" } });
  gateway.last.say("audio", { item_id: "other", response_id: "response", offset_ms: 0, duration_ms: 10, size: 80 });
  gateway.last.onmessage({ data: new Uint8Array(80).fill(0x80).buffer });
  assert.deepEqual(heard.map(([rateHz, count]) => [rateHz, count]), [[24_000, 240], [8000, 80]]);
  assert.ok(Math.abs(heard[1][2] - 0.98) < 0.01);
  assert.deepEqual(of("error"), []);
});

test("functions of the page run, fail, and stop when they are cancelled", async () => {
  let stopped = false;
  const tools = [
    { name: "add", description: "Adds.", parameters: {}, run: ({ a, b }) => a + b },
    { name: "fail", run: () => { throw new Error("No paper."); } },
    { name: "wait", run: (_, { signal }) => new Promise((resolve) => { signal.onabort = () => { stopped = true; resolve(1); }; }) },
  ];
  const { gateway, of } = await connected({ tools });
  const { last } = gateway;
  assert.deepEqual(last.sent[0].tools, [{ name: "add", description: "Adds.", parameters: {} }]);
  last.sent.length = 0;
  const ask = (call_id, name, args = {}) => last.say("tool_call", { call_id, name, arguments: args, item_id: "i", response_id: "r", deadline: 0 });
  ask("1", "add", { a: 1, b: 2 });
  ask("2", "fail");
  ask("3", "nobody");
  ask("4", "wait");
  last.say("tool_call_cancelled", { call_id: "4", reason: "interrupted" });
  await until(() => last.sent.length === 3);
  await until(() => stopped);
  const results = last.sent.map(({ call_id, output, is_error }) => [call_id, output, is_error]);
  assert.deepEqual(results.sort(), [["1", 3, undefined], ["2", "No paper.", true], ["3", "This page has no function nobody.", true]]);
  assert.deepEqual(of("tool").filter(({ callId }) => callId === "4").map(({ status }) => status), ["running", "cancelled"]);
});

test("a file ends its turn: by itself, or by silence until the model has heard it", async () => {
  const { gateway } = await connected();
  const said = call.play(second.subarray(0, 1200), 24_000);
  await until(() => gateway.last.types().length >= 6); // silence goes on behind it
  gateway.last.say("speech_stopped", { item_id: "item", audio_end_ms: 1 });
  await said;
  assert.ok(!gateway.last.types().includes("commit_audio"));
});

test("what a page does wrong in a listener is its own matter", async () => {
  const { gateway, of } = await connected();
  const away = call.on("speech", () => { throw new Error("the page's fault"); });
  const later = mock.method(globalThis, "setTimeout", () => {});
  gateway.last.say("speech_started", { item_id: "item", audio_start_ms: 0 });
  mock.restoreAll();
  assert.throws(later.mock.calls[0].arguments[0], /the page's fault/);
  away();
  gateway.last.say("speech_stopped", { item_id: "item", audio_end_ms: 0 });
  assert.deepEqual(of("speech").map(({ active }) => active), [true, false]);
});

test("an error that is over says nothing of a connection that drops later", async () => {
  const { gateway, of } = await connected();
  gateway.last.say("error", { code: "audio_buffer_empty", retryable: false }, "Too little was said.");
  gateway.last.onclose({ code: 1006 });
  assert.equal(call.state, "reconnecting");
  await until(() => gateway.sockets.length === 2);
  gateway.last.connect();
  gateway.last.say("error", { code: "invalid_message", retryable: false }, "What was that?");
  gateway.last.say("pong");
  gateway.last.onclose({ code: 4429 });
  assert.deepEqual([call.state, of("status").at(-1).sentence], ["reconnecting", "The connection dropped."]);
});

test("a call that is closed says so once, and answers nothing more", async () => {
  const { gateway, of } = await connected();
  const waiting = call.configure({ speed: 1 });
  await call.close();
  await assert.rejects(waiting, { code: "not_connected" });
  await call.close();
  assert.equal(gateway.last.closedWith, 1000);
  assert.equal(of("status").filter(({ state }) => state === "ended").length, 1);
  assert.throws(() => call.say("Hello?"), { code: "not_connected" });
});

test("a limit that is near is a sentence, and a call that has had its time is not begun again", async () => {
  const { gateway, of } = await connected();
  call.on("limit", ({ limit, sentence }) => told.push([limit, sentence]));
  const told = [];
  gateway.last.say("limit_warning", { limit: "max_call_s", used: 540, allowed: 600 });
  gateway.last.say("limit_warning", { limit: "microphone_silence_s", used: 30, allowed: 30 });
  call.mute();
  gateway.last.say("limit_warning", { limit: "microphone_silence_s", used: 30, allowed: 30 });
  assert.deepEqual(told, [
    ["max_call_s", "The call may last 60 s more."],
    ["microphone_silence_s", "Your microphone sends no sound. Is it switched off?"],
  ]);
  for (const closeCode of [4408, 4411]) {
    const error = { retryable: false, sentence: "It is over." };
    assert.deepEqual(afterClose({ closeCode, error, attempt: 1 }), { delayMs: null, sentence: "It is over." });
  }
  assert.equal(of("error").length, 0);
});

test("an answer that a noise has stopped is heard on", async () => {
  const { gateway, of } = await connected();
  const went = [];
  call.on("goes_on", (event) => went.push(event));
  gateway.last.sound({}, second.subarray(0, 12_000));
  await until(() => of("playback").some(({ playedMs }) => playedMs > 150));
  gateway.last.say("interrupted", { item_id: "item", heard_ms: 200 });
  assert.equal(of("playback_ended").at(-1).interrupted, true);
  gateway.last.say("answer_goes_on", { item_id: "item", offset_ms: 200 });
  gateway.last.sound({ offset_ms: 200 }, second.subarray(0, 7200));
  gateway.last.say("response_done", { response_id: "response", status: "cancelled", usage: null });
  await until(() => of("playback_ended").length > 1);
  assert.deepEqual(of("playback_ended").at(-1), { itemId: "item", heardMs: 500, interrupted: false });
  assert.deepEqual(went, [{ itemId: "item", offsetMs: 200 }]);
});
