/** How bars stand in a canvas: as rectangles of whole pixels, which cost much less than a path of strokes. */

import { BAR_MS, summary } from "./bars.js";

const PITCH_PX = 4;
const WIDE_PX = 2;
const FREE_PX = 3;
const MOST_PX = 46;
const DOT_PX = 1;
const DOTS_APART_PX = 3;
const SIDES = [["you", -1], ["model", 1]];

/** A canvas's bars.  All is in pixels of the device, but for the constants. */
export class Drawing {
  constructor(context) {
    this._context = context;
    this.fit(1);
  }

  /** Of the device's pixels *ratio* are one of the page. */
  fit(ratio) {
    this._ratio = ratio;
    this._pitch = Math.max(1, Math.round(PITCH_PX * ratio));
    this._wide = Math.max(1, Math.round(WIDE_PX * ratio));
    if (this._colours) this.ink(this._colours);
  }

  /** *colours*: `you`, `model`, and `thin` for what is dotted. */
  ink(colours) {
    this._colours = colours;
    const dot = document.createElement("canvas").getContext("2d");
    dot.canvas.width = 1;
    dot.canvas.height = Math.round(DOTS_APART_PX * this._ratio);
    dot.fillStyle = colours.thin;
    dot.fillRect(0, 0, 1, Math.round(DOT_PX * this._ratio));
    this._dots = this._context.createPattern(dot.canvas, "repeat");
  }

  /** Pixels of the page. */
  get pxPerMs() {
    return this._pitch / this._ratio / BAR_MS;
  }

  /** What was said until *nowMs*, which is the right edge. */
  now(bars, nowMs) {
    const { width } = this._context.canvas;
    const last = bars.index(nowMs);
    const first = Math.max(0, last - Math.ceil(width / this._pitch));
    const left = width - this._pitch - Math.round(((nowMs - bars.startMs) * this._pitch) / BAR_MS);
    for (const [name, side] of SIDES) {
      const { heights, dotted } = bars[name];
      for (let n = first; n <= last; n++) {
        if (!heights[n]) continue;
        this._context.fillStyle = dotted[n] ? this._dots : this._colours[name];
        this._bar(left + n * this._pitch, heights[n], side);
      }
    }
  }

  /** The whole of a call of *lengthMs*, as many bars as there is room for. */
  whole(bars, lengthMs) {
    const count = Math.max(1, Math.floor(this._context.canvas.width / this._pitch));
    const length = Math.max(1, bars.index(bars.startMs + lengthMs));
    for (const [name, side] of SIDES) {
      this._context.fillStyle = this._colours[name];
      summary(bars[name], length, count).forEach((size, n) => this._bar(n * this._pitch, size, side));
    }
  }

  _bar(left, size, side) {
    const { _context: context, _ratio: ratio, _wide: wide } = this;
    const middle = Math.round(context.canvas.height / 2);
    const free = Math.round(FREE_PX * ratio);
    const tall = Math.round(size * Math.min(MOST_PX * ratio, middle - free - 2 * ratio));
    if (tall < ratio) return;
    const x = left + Math.floor((this._pitch - wide) / 2);
    const y = side < 0 ? middle - free - tall : middle + free;
    if (wide < 3) return context.fillRect(x, y, wide, tall);
    // Without its corners it is as good as round.
    context.fillRect(x + 1, y, wide - 2, tall);
    context.fillRect(x, y + 1, wide, tall - 2);
  }
}
