/** How loud both sides of one call are: the user above the line, the model below it. */

import { byId } from "./dom.js";

const STEP_MS = 100;
const PITCH_PX = 4;
const WIDE_PX = 2;
const FREE_PX = 3;
const SILENT_DB = -60;
export const SOUND_DB = -50;
const TOP_DB = -18;
const LOWEST_TOP_DB = -30;
const RANGE_DB = 34;
const CURVE = 1.9;
/** Levels come once a second: what is drawn is so old, and never stands still to wait for them. */
const BEHIND_MS = 1400;
const STEPS_KEPT = 200;
const NAMED_MS = 2000;
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

/** What is drawn with, by the page's colours of now. */
export const inks = {
  read() {
    for (const side of ["user", "model"]) this[side] = getComputedStyle(byId(`ink-of-${side}`)).color;
  },
};

export class Levels {
  constructor(canvas, who) {
    this._canvas = canvas;
    this._context = canvas.getContext("2d");
    this._who = who;
    this._steps = { user: new Map(), model: new Map() };
    this._aheadMs = -Infinity;
    this._drawn = "";
    this._namedAt = -Infinity;
    this.loudest = { user: SILENT_DB, model: SILENT_DB };
    new ResizeObserver(() => this._resize()).observe(canvas);
  }

  /** What was measured: `levels` of a call. */
  put({ until, user, model }) {
    this._aheadMs = Math.max(this._aheadMs, until - performance.now());
    const last = Math.floor(until / STEP_MS) - 1;
    for (const [side, levels] of Object.entries({ user, model })) {
      const steps = this._steps[side];
      // The newest step was not over when it was measured.
      levels.forEach((db, at) => steps.set(last - levels.length + 1 + at, Math.max(db, SILENT_DB)));
      for (const step of steps.keys()) if (step <= last - STEPS_KEPT) steps.delete(step);
      this.loudest[side] = Math.max(...levels.slice(-10));
    }
    this._name();
    if (REDUCED.matches) this.draw(true);
  }

  /** As it is now; drawn only if that is another picture. */
  draw(isWanted = false) {
    if (REDUCED.matches && !isWanted) return;
    const { clientWidth: width, clientHeight: height } = this._canvas;
    if (!width) return;
    const lines = REDUCED.matches ? this._meters(width) : this._bars(width, height / 2);
    const picture = `${lines} ${inks.user} ${inks.model} ${width}`;
    if (picture === this._drawn) return;
    this._drawn = picture;
    const context = this._context;
    context.clearRect(0, 0, width, height);
    for (const side of ["user", "model"]) {
      context.fillStyle = inks[side];
      context.beginPath();
      for (const [of, x, from, size, tall] of lines) {
        if (of !== side) continue;
        const y = side === "user" ? height / 2 - from - tall : height / 2 + from;
        context.roundRect(x, y, size, tall, 1);
      }
      context.fill();
    }
  }

  /** Each as its side, where it begins, how far from the line, how wide and how tall. */
  _bars(width, half) {
    const newest = Math.floor((performance.now() + this._aheadMs - BEHIND_MS) / STEP_MS);
    const found = [];
    for (const side of ["user", "model"]) {
      const steps = this._steps[side];
      const levels = Array.from({ length: Math.floor(width / PITCH_PX) }, (_, n) => steps.get(newest - n) ?? SILENT_DB);
      const top = Math.max(LOWEST_TOP_DB, Math.min(TOP_DB, Math.max(...levels)));
      levels.forEach((db, n) => {
        const tall = (half - FREE_PX) * Math.min(1, Math.max(0, (db - top + RANGE_DB) / RANGE_DB)) ** CURVE;
        if (tall >= 1) found.push([side, width - (n + 1) * PITCH_PX + 1, FREE_PX, WIDE_PX, Math.round(tall)]);
      });
    }
    return found;
  }

  /** For those who want nothing to move: how loud it is, and no more. */
  _meters(width) {
    return ["user", "model"].map((side) => {
      const size = Math.round((width * Math.max(0, this.loudest[side] - SILENT_DB)) / -SILENT_DB);
      return [side, width - size, FREE_PX, size, 4];
    });
  }

  _name() {
    if (performance.now() - this._namedAt < NAMED_MS) return;
    const speaks = (side) => this.loudest[side] > SOUND_DB;
    const [user, model] = [speaks("user"), speaks("model")];
    const name = user && model ? "Both are speaking." : user ? `${this._who} is speaking.` : model ? "The model is speaking." : "Both are silent.";
    if (name === this._canvas.getAttribute("aria-label")) return;
    this._namedAt = performance.now();
    this._canvas.setAttribute("aria-label", name);
  }

  _resize() {
    const ratio = Math.min(2, devicePixelRatio);
    const { clientWidth, clientHeight } = this._canvas;
    this._canvas.width = clientWidth * ratio;
    this._canvas.height = clientHeight * ratio;
    this._context.scale(ratio, ratio);
    this._drawn = "";
    this.draw(true);
  }
}
