/** What was said and heard, as bars of 64 ms from the beginning of a call on. */

export const BAR_MS = 64;
const RANGE_DB = 34;
const CURVE = 1.9;
const TOP_DB = -18;
const LOWEST_TOP_DB = -30;
const FALL_DB_PER_S = 3;
const BRIDGED = 3;

/** One voice: heights from 0 to 1, and whether each bar was on its way only. */
class Voice {
  constructor() {
    this.heights = new Float32Array(1024);
    this.dotted = new Uint8Array(1024);
    this.end = 0;
    this._top = TOP_DB;
    this._last = -1;
  }

  put(index, db, isDotted) {
    if (index < 0) return 0;
    this._grow(index);
    const bars = Math.max(1, index - this._last);
    this._top = Math.max(db, this._top - (FALL_DB_PER_S * bars * BAR_MS) / 1000, LOWEST_TOP_DB);
    const height = Math.min(1, Math.max(0, (db - this._top + RANGE_DB) / RANGE_DB)) ** CURVE;
    // Levels come about as often as bars do: one that got none is like the next.
    const from = this._last >= 0 && index - this._last <= BRIDGED ? Math.min(this._last + 1, index) : index;
    for (let n = from; n <= index; n++) {
      this.heights[n] = n === this._last ? Math.max(this.heights[n], height) : height;
      this.dotted[n] = isDotted ? 1 : 0;
    }
    this._last = Math.max(this._last, index);
    this.end = Math.max(this.end, index + 1);
    return height;
  }

  _grow(index) {
    if (index < this.heights.length) return;
    const length = 2 ** Math.ceil(Math.log2(index + 1));
    const [heights, dotted] = [this.heights, this.dotted];
    this.heights = new Float32Array(length);
    this.dotted = new Uint8Array(length);
    this.heights.set(heights);
    this.dotted.set(dotted);
  }
}

/** Both voices, and the waits between them.  Times are milliseconds of one clock. */
export class Bars {
  constructor(startMs) {
    this.startMs = startMs;
    this.you = new Voice();
    this.model = new Voice();
    /** @type {{fromMs: number, toMs: number, label: string}[]} */
    this.waits = [];
  }

  index(atMs) {
    return Math.floor((atMs - this.startMs) / BAR_MS);
  }

  /** What is captured and what is played at *atMs*; whether either makes a mark. */
  put(atMs, you, model, isKept) {
    const index = this.index(atMs);
    const above = this.you.put(index, you, isKept);
    const isAhead = this.model.dotted[index] === 1 && model < -60;
    const below = isAhead ? 0 : this.model.put(index, model, false);
    return above > 0 || below > 0;
  }

  /** What would have been heard from *atMs* on: dBFS of each 64 ms. */
  putUnheard(atMs, levels) {
    const from = this.index(atMs) + 1;
    levels.forEach((db, n) => this.model.put(from + n, db, true));
  }

  /** A wait that is over; what was never heard is not drawn where it stands. */
  waited(fromMs, toMs, label) {
    this.waits.push({ fromMs, toMs, label });
    const { heights, dotted } = this.model;
    for (let n = Math.max(0, this.index(fromMs)); n < this.model.end; n++) if (dotted[n]) heights[n] = dotted[n] = 0;
  }

  /** What was kept of your speech since *fromMs* has been sent after all. */
  arrived(fromMs) {
    this.you.dotted.fill(0, Math.max(0, this.index(fromMs)));
  }

  /** Whether the model is drawn anywhere between two times. */
  isHeard(fromMs, toMs) {
    return this.model.heights.subarray(Math.max(0, this.index(fromMs)), this.index(toMs)).some((height) => height > 0);
  }

  /** How long it is since something made a mark. */
  silentMs(atMs) {
    const last = ({ heights, end }) => {
      let n = end - 1;
      while (n >= 0 && heights[n] === 0) n--;
      return n;
    };
    return atMs - this.startMs - BAR_MS * (1 + Math.max(last(this.you), last(this.model)));
  }
}

/** The loudest of each of *count* equal parts of a voice. */
export function summary(voice, length, count) {
  const loudest = new Float32Array(count);
  for (let n = 0; n < Math.min(voice.end, length); n++) {
    if (voice.dotted[n]) continue;
    const at = Math.min(count - 1, Math.floor((n * count) / length));
    loudest[at] = Math.max(loudest[at], voice.heights[n]);
  }
  return loudest;
}
