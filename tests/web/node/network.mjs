/** Speech on its way through a network to a jitter buffer, in simulated time. */

import { JitterBuffer } from "../../../tornado_app/web/parley.js";

const QUANTUM = 128;

/** Random numbers from 0 to 1 that are the same each time. */
export function chance(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Pieces of a tone, as they are sent: at the pace of speech by a clock that is *ppm* fast. */
export function* tone({ seconds, pieceMs = 20, sourceHz = 24_000, hz = 440, ppm = 0, aheadMs = 0, itemId = "item" }) {
  const size = (sourceHz * pieceMs) / 1000;
  for (let n = 0; n * pieceMs < seconds * 1000; n++) {
    const samples = new Float32Array(size);
    for (let k = 0; k < size; k++) samples[k] = 0.5 * Math.sin((2 * Math.PI * hz * (n * size + k)) / sourceHz);
    const sentMs = Math.max(0, (n * pieceMs - aheadMs) / (1 + ppm / 1e6));
    yield { sentMs, piece: { itemId, responseId: "response", offsetMs: n * pieceMs, rateHz: sourceHz, samples } };
  }
}

/**
 * Play what comes.  *delay* says how many milliseconds a piece takes; none overtakes another, as in TCP.
 * What is seen: `sound` if *keep*, `clicks`, `underruns`, `startMs`, and `delays` of the pieces as they are
 * heard, from being sent, one for each second.
 */
export function listen(pieces, { rateHz = 48_000, delay = () => 0, keep = false, hz = 440, ...options } = {}) {
  const buffer = new JitterBuffer({ rateHz, ...options });
  const out = new Float32Array(QUANTUM);
  const seen = { buffer, sound: [], clicks: 0, underruns: [], events: [], startMs: null, delays: [] };
  // A tone goes on as it did, but for a fade of 4 ms at a beginning and an end.
  const bend = 2 * Math.cos((2 * Math.PI * hz) / rateHz);
  const sharpest = 1 / (0.004 * rateHz);
  let [before, last, arrivedMs, quanta, sentAt, next] = [0, 0, 0, 0, [], 0];
  const source = pieces[Symbol.iterator]();
  let coming = source.next();
  let number = 0;
  const arrive = () => {
    arrivedMs = Math.max(arrivedMs, coming.value.sentMs + delay(number++, coming.value.sentMs));
    return arrivedMs;
  };
  let dueMs = coming.done ? Infinity : arrive();
  for (let isOver = false; !isOver; quanta++) {
    const nowMs = (1000 * quanta * QUANTUM) / rateHz;
    while (dueMs <= nowMs) {
      const { piece, sentMs } = coming.value;
      sentAt.push([piece.offsetMs, sentMs]);
      buffer.push(piece, nowMs);
      coming = source.next();
      if (coming.done) buffer.end();
      dueMs = coming.done ? Infinity : arrive();
    }
    buffer.pull(out, nowMs);
    for (const event of buffer.events()) {
      seen.events.push({ ...event, nowMs });
      if (event.type === "started") seen.startMs ??= nowMs;
      if (event.type === "underrun") seen.underruns.push(event.ms);
      isOver = event.type === "ended" && coming.done;
    }
    if (keep) seen.sound.push(...out);
    const place = buffer.now;
    for (const sample of out) {
      if (Math.abs(sample - bend * last + before) > sharpest) seen.clicks++;
      before = last;
      last = sample;
    }
    if (place && place.playedMs >= next) {
      const at = sentAt.find(([offsetMs]) => offsetMs >= next - 500) ?? sentAt.at(-1);
      seen.delays.push(nowMs - at[1] - (place.playedMs - at[0]));
      sentAt = sentAt.filter(([offsetMs]) => offsetMs > place.playedMs - 1000);
      next += 1000;
    }
    if (quanta > 1e8) throw new Error("it never ends");
  }
  return seen;
}
