/** How samples stand on the wire, what their rate is, and what a close code means. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { afterClose, converter, dbfs, decode, encode } from "../../../tornado_app/web/parley.js";

const tone = (count, hz, rateHz) => Float32Array.from({ length: count }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rateHz));

test("a format brings back what was put into it", () => {
  const samples = tone(480, 440, 24_000);
  for (const [format, bytes, worst] of [["pcm16", 2, 4e-5], ["float32", 4, 0], ["pcmu", 1, 0.02], ["pcma", 1, 0.02]]) {
    const wire = encode(samples, format);
    assert.equal(wire.byteLength, 480 * bytes, format);
    decode(wire, format).forEach((sample, n) => assert.ok(Math.abs(sample - samples[n]) <= worst, `${format} ${n}: ${sample}`));
  }
});

test("what is beyond full scale is clipped and does not wrap", () => {
  for (const format of ["pcm16", "pcmu", "pcma"]) {
    const [high, low] = decode(encode(Float32Array.of(1.7, -1.7), format), format);
    assert.ok(high > 0.97 && low < -0.97, `${format}: ${high} ${low}`);
  }
});

test("G.711 is that of the ITU", () => {
  // Ends, middle and a segment's border, from the tables of G.711 (left-justified to 16 bits).
  const of = (format, ...bytes) => [...decode(Uint8Array.from(bytes).buffer, format)].map((sample) => sample * 32768);
  assert.deepEqual(of("pcmu", 0x00, 0x80, 0x7f, 0x0f, 0x70), [-32124, 32124, -0, -16764, -120]);
  assert.deepEqual(of("pcma", 0x2a, 0xaa, 0x55, 0xd5, 0x25), [-32256, 32256, -8, 8, -16896]);
  for (const format of ["pcmu", "pcma"]) {
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    const again = decode(encode(decode(bytes.buffer, format), format), format);
    assert.deepEqual(again.map((s) => s || 0), decode(bytes.buffer, format).map((s) => s || 0), format);
  }
});

test("a level is that of a meter", () => {
  assert.equal(dbfs(new Float32Array(100)), -120);
  assert.ok(Math.abs(dbfs(tone(4800, 100, 48_000)) + 9.03) < 0.01);
});

test("a stream at another rate is the same wherever it is cut", () => {
  const samples = tone(44_100, 500, 44_100);
  const whole = converter(44_100, 16_000)(samples);
  const convert = converter(44_100, 16_000);
  const cut = [];
  for (let at = 0; at < samples.length; at += 882) cut.push(...convert(samples.subarray(at, at + 882)));
  assert.ok(Math.abs(whole.length - 16_000) < 20);
  assert.deepEqual(Float32Array.from(cut), whole);
  whole.slice(100, -100).forEach((sample, n) => assert.ok(Math.abs(sample - 0.5 * Math.sin((2 * Math.PI * 500 * (n + 100)) / 16_000)) < 1e-3));
});

/** docs/protocol.md, section 5. */
const TABLE = {
  1000: "never", 1001: "at once", 1002: "never", 1006: "back-off", 1007: "never", 1009: "never", 1011: "back-off", 1013: "back-off",
  4400: "never", 4401: "never", 4403: "never", 4408: "back-off", 4409: "never", 4410: "at once", 4429: "back-off", 4502: "back-off", 4504: "at once",
};

for (const [closeCode, what] of Object.entries(TABLE)) {
  test(`close code ${closeCode}: ${what}`, () => {
    const { delayMs, sentence } = afterClose({ closeCode: Number(closeCode), attempt: 1, random: 0.5 });
    assert.equal(delayMs, { never: null, "at once": 0, "back-off": 250 }[what]);
    assert.match(sentence, /^[A-Z].*\.$/);
  });
}

test("what the gateway says comes before what its code means", () => {
  const error = { retryable: true, retry_after_ms: 8000, sentence: "Too many." };
  assert.deepEqual(afterClose({ closeCode: 4429, error, attempt: 1, random: 0 }), { delayMs: 8000, sentence: "Too many." });
  assert.equal(afterClose({ closeCode: 4502, error: { retryable: false }, attempt: 1 }).delayMs, null);
  assert.notEqual(afterClose({ closeCode: 4502, error: { retryable: true }, attempt: 1 }).delayMs, null);
  assert.equal(afterClose({ closeCode: 4410, error: { retryable: false }, attempt: 1 }).delayMs, 0);
});

test("there are six tries in sixteen seconds, spread, and then an end", () => {
  const delays = [1, 2, 3, 4, 5, 6].map((attempt) => afterClose({ closeCode: 1006, attempt, random: 0.5 }).delayMs);
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000]);
  assert.equal(afterClose({ closeCode: 1006, attempt: 7 }).delayMs, null);
  assert.ok(afterClose({ closeCode: 1006, attempt: 3, random: 0 }).delayMs < afterClose({ closeCode: 1006, attempt: 3, random: 1 }).delayMs);
  assert.equal(afterClose({ closeCode: 4410, attempt: 7 }).delayMs, null);
});
