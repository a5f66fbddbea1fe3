/** How loud an answer is, as it came: to draw what of it was never heard. */

import { BAR_MS } from "./bars.js";

const SILENCE_DB = -120;
const ITEMS = 4;
const SHOWN_MS = 10_000;

export class Received {
  constructor() {
    this._items = new Map();
  }

  /** A piece of an item, as parley.js tells of it. */
  note({ itemId, offsetMs, rateHz, samples }) {
    let sums = this._items.get(itemId);
    if (!sums) this._items.set(itemId, (sums = []));
    if (this._items.size > ITEMS) this._items.delete(this._items.keys().next().value);
    const first = (offsetMs * rateHz) / 1000;
    const perBar = (BAR_MS * rateHz) / 1000;
    for (let n = 0; n < samples.length; n++) {
      const bar = Math.floor((first + n) / perBar);
      sums[bar] = (sums[bar] ?? 0) + samples[n] * samples[n] / perBar;
    }
  }

  /** dBFS of each 64 ms of an item behind *heardMs*, some seconds at most. */
  behind(itemId, heardMs) {
    const sums = this._items.get(itemId) ?? [];
    const from = Math.ceil(heardMs / BAR_MS);
    const found = sums.slice(from, from + Math.ceil(SHOWN_MS / BAR_MS));
    return Array.from(found, (sum) => (sum ? Math.max(SILENCE_DB, 10 * Math.log10(sum)) : SILENCE_DB));
  }
}
