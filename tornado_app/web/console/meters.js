/** Levels beside the dot: they rise at once and fall slowly; their figures change twice a second. */

import { byId, say } from "./dom.js";
import { decibels } from "./figures.js";

const FALL_DB_PER_S = 20;
const LOWEST_DB = -60;
const FIGURE_MS = 500;
const STEP_MS = 250;
export const SOUND_DB = -50;

export class Meters {
  constructor() {
    this._reduced = matchMedia("(prefers-reduced-motion: reduce)");
    this.clear();
  }

  clear() {
    this._shown = { you: LOWEST_DB, model: LOWEST_DB };
    this._at = this._figureAt = this._stepAt = -Infinity;
    for (const side of ["you", "model"]) this._show(side, LOWEST_DB);
  }

  /** Levels at *nowMs*; *words* are what stands there instead of a figure, by side. */
  put(nowMs, levels, words) {
    const fallen = this._at > 0 ? ((nowMs - this._at) * FALL_DB_PER_S) / 1000 : 0;
    this._at = nowMs;
    for (const side of ["you", "model"]) {
      this._shown[side] = Math.max(levels[side], this._shown[side] - fallen, LOWEST_DB);
    }
    if (this._reduced.matches && nowMs - this._stepAt < STEP_MS) return;
    this._stepAt = nowMs;
    for (const side of ["you", "model"]) {
      this._show(side, this._shown[side]);
      byId(`${side}-name`).classList.toggle("on", this._shown[side] > SOUND_DB);
    }
    if (nowMs - this._figureAt >= FIGURE_MS) this.figures(nowMs, words);
  }

  figures(nowMs, words) {
    this._figureAt = nowMs;
    for (const side of ["you", "model"]) {
      const isHeard = this._shown[side] > SOUND_DB;
      const word = words[side];
      const figure = isHeard ? decibels(this._shown[side]) : "";
      say(byId(`${side}-figure`), word.always ?? (figure ? figure + (word.behind ?? "") : (word.silent ?? "")));
    }
  }

  _show(side, db) {
    byId(`${side}-meter`).style.transform = `scaleX(${((db - LOWEST_DB) / -LOWEST_DB).toFixed(3)})`;
  }
}
