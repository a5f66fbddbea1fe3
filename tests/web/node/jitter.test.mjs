/** What is played of answers that a network delays: no gap that the buffer promises to cover, no click. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { JitterBuffer } from "../../../tornado_app/web/parley.js";
import { chance, listen, tone } from "./network.mjs";

const whole = (seen) => {
  assert.deepEqual(seen.underruns, []);
  assert.equal(seen.clicks, 0);
};

/** Networks, none of which delays more than 300 ms. */
const NETWORKS = {
  "a steady one": () => () => 0,
  "a slow one": () => () => 300,
  "any delay": (random) => () => 300 * random(),
  "bursts, all that was sent in 300 ms at once": () => (_, sentMs) => 300 - (sentMs % 300),
  "rare delays": (random) => () => (random() < 0.01 ? 300 : 5),
  "a first piece that is fast and others that are slow": () => (n) => (n ? 300 : 0),
  "delays that come and go": (random) => (_, sentMs) => (Math.sin(sentMs / 3000) > 0 ? 300 * random() : 1),
};

for (const [name, network] of Object.entries(NETWORKS)) {
  for (const pieceMs of [20, 100]) {
    test(`300 ms cover ${name}, in pieces of ${pieceMs} ms`, () => {
      const delay = network(chance(pieceMs));
      const seen = listen(tone({ seconds: 10, pieceMs }), { rateHz: 24_000, waitMs: 300, delay });
      whole(seen);
      assert.ok(seen.startMs <= 300 + 310 + 12, `it began after ${seen.startMs} ms`);
    });
  }
}

test("a buffer that is smaller than the delays has gaps, and counts them", () => {
  const seen = listen(tone({ seconds: 20 }), { waitMs: 50, delay: (n) => (n % 100 === 99 ? 300 : 0) });
  assert.ok(seen.underruns.length >= 1);
  assert.ok(seen.underruns[0] > 150 && seen.underruns[0] <= 300, `a gap of ${seen.underruns[0]} ms`);
});

test("a gap is faded and not cut", () => {
  const seen = listen(tone({ seconds: 4 }), { waitMs: 40, delay: (n) => (n >= 100 ? 400 : 0) });
  assert.equal(seen.underruns.length, 1);
  assert.equal(seen.clicks, 0);
});

test("auto begins after 40 ms, and waits longer once it was needed", () => {
  const calm = listen(tone({ seconds: 2 }), { waitMs: "auto" });
  assert.ok(calm.startMs <= 45, `it began after ${calm.startMs} ms`);
  const random = chance(3);
  const rough = listen(tone({ seconds: 60 }), { waitMs: "auto", mostMs: 300, delay: () => 300 * random() });
  assert.ok(rough.underruns.length <= 6, `${rough.underruns.length} gaps`);
  assert.ok(rough.buffer.waitMs > 200, `it waits ${rough.buffer.waitMs} ms`);
});

test("auto never waits longer than it may, and comes back to little", () => {
  const buffer = new JitterBuffer({ rateHz: 24_000, waitMs: "auto", mostMs: 200 });
  const out = new Float32Array(240);
  let nowMs = 0;
  const say = (lateMs) => {
    for (const { piece } of tone({ seconds: 1 })) {
      buffer.push(piece, nowMs);
      for (const end = nowMs + 20 + (piece.offsetMs === 500 ? lateMs : 0); nowMs < end; nowMs += 10) buffer.pull(out, nowMs);
    }
    buffer.end();
    for (const end = nowMs + 2000; nowMs < end; nowMs += 10) buffer.pull(out, nowMs);
  };
  say(1000);
  assert.ok(buffer.waitMs > 150 && buffer.waitMs <= 200, `${buffer.waitMs}`);
  for (let answer = 0; answer < 40; answer++) say(0);
  assert.ok(buffer.waitMs < 45, `${buffer.waitMs}`);
});

for (const ppm of [-500, 500]) {
  for (const [name, delay] of [["steady", () => () => 0], ["any delay up to 300 ms", (random) => () => 300 * random()]]) {
    // Left alone, the delay would change by 120 ms.
    test(`clocks that are ${ppm} ppm apart, for four minutes, ${name}`, () => {
      const seen = listen(tone({ seconds: 240, ppm, sourceHz: 8000, hz: 200 }), { rateHz: 8000, hz: 200, waitMs: 300, delay: delay(chance(1)) });
      whole(seen);
      const { delays } = seen;
      const ends = [delays.slice(5, 15), delays.slice(-15, -5)].map((some) => some.reduce((a, b) => a + b) / some.length);
      assert.ok(Math.abs(ends[1] - ends[0]) < 40, `the delay went from ${ends[0]} to ${ends[1]} ms`);
    });
  }
}

test("what comes faster than speech is played at its own pitch", () => {
  const seen = listen(tone({ seconds: 30, aheadMs: 30_000 }), { rateHz: 24_000, waitMs: "auto", keep: true });
  const start = seen.sound.findIndex((sample) => Math.abs(sample) > 1e-9) - 1;
  const sent = [...tone({ seconds: 30 })].flatMap(({ piece }) => [...piece.samples]);
  for (let n = 200; n < sent.length - 200; n++) {
    if (Math.abs(seen.sound[start + n] - sent[n]) > 1e-6) assert.fail(`sample ${n} is another one`);
  }
});

test("a rate that the device has not is converted without images", () => {
  for (const [sourceHz, rateHz] of [[24_000, 48_000], [24_000, 44_100], [48_000, 44_100], [8_000, 48_000], [24_000, 16_000]]) {
    const hz = 1000;
    const { sound } = listen(tone({ seconds: 2, sourceHz, hz }), { rateHz, hz, waitMs: 40, keep: true });
    const middle = sound.slice(rateHz * 0.5, rateHz * 1.5);
    // What is left when the tone is taken out, by its two quadratures.
    const [sine, cosine] = [Math.sin, Math.cos].map((wave) => middle.map((_, n) => wave((2 * Math.PI * hz * n) / rateHz)));
    const part = (wave) => (2 / middle.length) * middle.reduce((sum, sample, n) => sum + sample * wave[n], 0);
    const [a, b] = [part(sine), part(cosine)];
    const rest = middle.reduce((sum, sample, n) => sum + (sample - a * sine[n] - b * cosine[n]) ** 2, 0) / middle.length;
    assert.ok(Math.abs(Math.hypot(a, b) - 0.5) < 0.005, `${sourceHz} to ${rateHz}: ${Math.hypot(a, b)}`);
    assert.ok(10 * Math.log10(rest / 0.125) < -60, `${sourceHz} to ${rateHz}: ${10 * Math.log10(rest / 0.125)} dB`);
  }
});

test("after a flush nothing of what was queued is heard but a fade of some milliseconds", () => {
  const buffer = new JitterBuffer({ rateHz: 24_000, waitMs: 40 });
  const out = new Float32Array(120);
  for (const { piece } of tone({ seconds: 3 })) buffer.push(piece, 0);
  for (let nowMs = 0; nowMs < 500; nowMs += 5) buffer.pull(out, nowMs);
  buffer.flush();
  assert.equal(buffer.now, null);
  assert.ok(buffer.pull(out, 500).some((sample) => sample !== 0), "it stops by a fade");
  for (let nowMs = 505; nowMs < 3500; nowMs += 5) assert.ok(buffer.pull(out, nowMs).every((sample) => sample === 0));
  assert.equal(buffer.bufferedMs, 0);
});

test("what comes behind a flush begins anew", () => {
  const buffer = new JitterBuffer({ rateHz: 24_000, waitMs: 90 });
  const out = new Float32Array(240);
  for (const { piece } of tone({ seconds: 1, itemId: "old" })) buffer.push(piece, 0);
  for (let nowMs = 0; nowMs < 300; nowMs += 10) buffer.pull(out, nowMs);
  buffer.flush();
  for (let nowMs = 300; nowMs < 400; nowMs += 10) buffer.pull(out, nowMs);
  buffer.events();
  for (const { piece } of tone({ seconds: 1, itemId: "new" })) buffer.push(piece, 400);
  buffer.end();
  buffer.pull(out, 400);
  assert.deepEqual(buffer.events(), [{ type: "started", itemId: "new", responseId: "response" }]);
  assert.equal(buffer.now.itemId, "new");
});

test("an answer that comes with the interruption of another waits for its own time, and there is no click", () => {
  const rateHz = 24_000;
  const buffer = new JitterBuffer({ rateHz, waitMs: 90 });
  const heard = [];
  let nowMs = 0;
  const play = (untilMs) => {
    for (; nowMs < untilMs; nowMs += 2) heard.push(...buffer.pull(new Float32Array(48), nowMs));
  };
  for (const { piece } of tone({ seconds: 1, itemId: "old" })) buffer.push(piece, 0);
  play(303);
  buffer.flush();
  for (const { piece } of tone({ seconds: 1, hz: 300, itemId: "new" })) buffer.push(piece, nowMs);
  const begins = nowMs;
  play(begins + 90);
  const after = heard.slice((begins * rateHz) / 1000);
  const silent = after.slice(rateHz * 0.01, rateHz * 0.09);
  assert.ok(silent.every((sample) => sample === 0), "the next one has not waited");
  const steps = after.slice(1).map((sample, n) => Math.abs(sample - after[n]));
  assert.ok(Math.max(...steps) < 0.08, `a step of ${Math.max(...steps)}`);
  play(begins + 400);
  assert.deepEqual(buffer.events().map(({ type, itemId }) => [type, itemId]), [["started", "old"], ["started", "new"]]);
  assert.ok(Math.abs(buffer.now.playedMs - 300) < 5, `${buffer.now.playedMs}`);
  buffer.end();
  play(begins + 1200);
  assert.deepEqual(buffer.events().map(({ type, playedMs }) => [type, Math.round(playedMs)]), [["ended", 1000]]);
});

test("items follow each other without a gap, and each says when it begins and ends", () => {
  const first = [...tone({ seconds: 1, itemId: "a" })];
  const second = [...tone({ seconds: 1, itemId: "b" })].map(({ sentMs, piece }) => ({ sentMs: sentMs + 1000, piece }));
  const seen = listen([...first, ...second], { waitMs: 100, delay: (n) => (n % 10) * 10 });
  assert.deepEqual(seen.events.map(({ type, itemId }) => [type, itemId]), [["started", "a"], ["ended", "a"], ["started", "b"], ["ended", "b"]]);
  const at = seen.events.map(({ nowMs }) => nowMs);
  assert.ok(Math.abs(at[2] - at[0] - 1000) < 5 && Math.abs(at[3] - at[2] - 1000) < 8, `${at}`);
  assert.deepEqual(seen.events.filter(({ type }) => type === "ended").map(({ playedMs }) => Math.round(playedMs)), [1000, 1000]);
});

test("a pause between two items is no gap", () => {
  const later = [...tone({ seconds: 1, itemId: "b" })].map(({ sentMs, piece }) => ({ sentMs: sentMs + 3000, piece }));
  const seen = listen([...tone({ seconds: 1, itemId: "a" }), ...later], { waitMs: 100 });
  assert.deepEqual(seen.underruns, []);
  assert.deepEqual(seen.events.map(({ type }) => type), ["started", "ended", "started", "ended"]);
});

test("an item whose rate changes in its middle stays one item", () => {
  const tail = [...tone({ seconds: 2, sourceHz: 16_000 })].filter(({ piece }) => piece.offsetMs >= 1000);
  const seen = listen([...tone({ seconds: 1 }), ...tail], { waitMs: 40 });
  assert.deepEqual(seen.events.map(({ type }) => type), ["started", "ended"]);
  assert.equal(Math.round(seen.events[1].playedMs), 2000);
});

test("what a loudspeaker cannot hold in five minutes is left out", () => {
  const buffer = new JitterBuffer({ rateHz: 8000 });
  const piece = { itemId: "a", responseId: "r", offsetMs: 0, rateHz: 8000, samples: new Float32Array(8000 * 60) };
  for (let minute = 0; minute < 5; minute++) assert.equal(buffer.push(piece, 0), true);
  assert.equal(buffer.push(piece, 0), false);
  assert.ok(Math.abs(buffer.bufferedMs - 300_000) < 1);
});
