/** Draws the line: you above, the model below, time from right to left. */

import { byId } from "./dom.js";
import { BAR_MS, Bars, summary } from "./bars.js";

const PX_PER_MS = 62.5 / 1000;
const PITCH_PX = 4;
const WIDE_PX = 2;
const FREE_PX = 3;
const MOST_PX = 46;
const SLOW_MS = 8;
const FPS = [60, 30, 10];
const NAMED_MS = 2000;
const LEAST_WAIT_PX = 8;
const FIGURE_PX = 44;

/** The canvas and what is on it. */
export class Line {
  constructor() {
    this._canvas = byId("wave");
    this._context = this._canvas.getContext("2d");
    this._reduced = matchMedia("(prefers-reduced-motion: reduce)");
    this._pace = this._slow = 0;
    this._frame = null;
    this._drawnAt = this._namedAt = -Infinity;
    this.bars = null;
    this._whole = false;
    new ResizeObserver(() => this._resize()).observe(this._canvas);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"]) {
      matchMedia(query).addEventListener("change", () => this.recolour());
    }
    this._reduced.addEventListener("change", () => this.wake());
    document.addEventListener("visibilitychange", () => this.wake());
    this.recolour();
  }

  /** A call begins. */
  begin(nowMs) {
    this.bars = new Bars(nowMs);
    this._whole = false;
    this._canvas.classList.remove("whole");
    this._resize();
  }

  /** No call, and nothing to show of one. */
  clear() {
    this.bars = null;
    this._whole = false;
    this._canvas.classList.remove("whole");
    this._draw();
    this.name("The line is silent.", true);
  }

  /** The call is over: all of it is drawn. */
  end(nowMs) {
    if (!this.bars) return;
    this._whole = nowMs - this.bars.startMs;
    this._canvas.classList.add("whole");
    this._resize();
    this.name("The whole call, you above the line and the model below.", true);
  }

  level(nowMs, you, model, isKept) {
    if (this.bars?.put(nowMs, you, model, isKept)) this.wake();
  }

  waited(fromMs, toMs, label) {
    this.bars?.waited(fromMs, toMs, label);
    this.turnOver();
  }

  unheard(nowMs, levels) {
    this.bars?.putUnheard(nowMs, levels);
    this.turnOver();
  }

  /** A turn is over: who wants nothing to move sees the line anew. */
  turnOver() {
    if (this._reduced.matches) this._draw();
    else this.wake();
  }

  /** What the line shows, for those who do not see it; not more often than they can listen. */
  name(sentence, now = false) {
    const at = performance.now();
    if (!now && at - this._namedAt < NAMED_MS) return;
    if (this._canvas.getAttribute("aria-label") === sentence) return;
    this._namedAt = at;
    this._canvas.setAttribute("aria-label", sentence);
  }

  /** Colours are those of the page; read once, and again when they may have changed. */
  recolour() {
    const probe = document.createElement("i");
    byId("line").append(probe);
    const read = (name) => {
      probe.className = name;
      return getComputedStyle(probe).color;
    };
    this._colours = { you: read("b-you"), model: read("b-model"), thin: read("b-thin"), text: read("b-text") };
    this._font = `11px ${getComputedStyle(probe).fontFamily}`;
    probe.remove();
    this._draw();
  }

  /** Draw as long as something moves. */
  wake() {
    if (this._frame !== null || !this.bars || this._whole || document.hidden || this._reduced.matches) return;
    this._frame = requestAnimationFrame((at) => this._tick(at));
  }

  _tick(at) {
    this._frame = null;
    if (at - this._drawnAt >= 1000 / FPS[this._pace] - 4) {
      this._drawnAt = at;
      const took = this._draw();
      this._slow = took > SLOW_MS ? this._slow + 1 : 0;
      if (this._slow >= 3 && this._pace < FPS.length - 1) [this._pace, this._slow] = [this._pace + 1, 0];
    }
    const isPast = this.bars && this.bars.silentMs(performance.now()) * PX_PER_MS > this._width;
    if (!isPast) this.wake();
  }

  _resize() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this._canvas;
    this._width = clientWidth;
    this._height = clientHeight;
    this._canvas.width = Math.round(clientWidth * ratio);
    this._canvas.height = Math.round(clientHeight * ratio);
    this._context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._draw();
  }

  /** How long it took. */
  _draw() {
    const began = performance.now();
    const { _context: context, _width: width, _height: height } = this;
    if (!width) return 0;
    context.clearRect(0, 0, width, height);
    if (this.bars && this._whole) this._drawWhole();
    else if (this.bars) this._drawNow(began);
    return performance.now() - began;
  }

  _drawNow(nowMs) {
    const { bars, _width: width } = this;
    const paths = { you: new Path2D(), model: new Path2D(), thin: new Path2D() };
    const last = bars.index(nowMs);
    const first = Math.max(0, last - Math.ceil(width / PITCH_PX) - 1);
    for (let n = first; n <= last; n++) {
      const x = width - (nowMs - bars.startMs - n * BAR_MS) * PX_PER_MS - WIDE_PX;
      const { you, model } = bars;
      if (you.heights[n]) this._bar(you.dotted[n] ? paths.thin : paths.you, x, you.heights[n], -1);
      if (model.heights[n]) this._bar(model.dotted[n] ? paths.thin : paths.model, x, model.heights[n], 1);
    }
    this._stroke(paths);
    for (const wait of bars.waits.slice(-20)) this._drawWait(nowMs, wait);
  }

  _bar(path, x, height, side) {
    const middle = this._height / 2;
    const most = Math.min(MOST_PX, middle - FREE_PX - 2);
    const tall = Math.round(most * height);
    if (tall < 1) return;
    path.moveTo(x, middle + side * FREE_PX);
    path.lineTo(x, middle + side * (FREE_PX + tall));
  }

  _stroke({ you, model, thin }) {
    const { _context: context, _colours: colours } = this;
    context.lineWidth = WIDE_PX;
    context.lineCap = "round";
    for (const [path, colour] of [[you, colours.you], [model, colours.model]]) {
      context.strokeStyle = colour;
      context.stroke(path);
    }
    context.lineCap = "butt";
    context.setLineDash([1, 2]);
    context.strokeStyle = colours.thin;
    context.stroke(thin);
    context.setLineDash([]);
  }

  _drawWait(nowMs, { fromMs, toMs, label }) {
    const { _context: context, _width: width, _height: height } = this;
    const from = Math.round(width - (nowMs - fromMs) * PX_PER_MS) + 4.5;
    const to = Math.round(width - (nowMs - toMs) * PX_PER_MS) - 6.5;
    if (to < -40 || height < 100 || to - from < LEAST_WAIT_PX) return;
    const y = Math.round(height / 2) + 16;
    context.strokeStyle = context.fillStyle = this._colours.text;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(from, y - 4);
    context.lineTo(from, y + 4);
    context.moveTo(from, y + 0.5);
    context.lineTo(to, y + 0.5);
    context.moveTo(to, y - 4);
    context.lineTo(to, y + 4);
    context.stroke();
    context.font = this._font;
    const isNarrow = to - from < FIGURE_PX;
    if (isNarrow && this.bars.isHeard(nowMs - (width - to + FIGURE_PX) / PX_PER_MS, fromMs)) return;
    context.textAlign = isNarrow ? "right" : "center";
    context.fillText(label, isNarrow ? to : (from + to) / 2, y + 19);
  }

  _drawWhole() {
    const { bars, _width: width } = this;
    const count = Math.max(1, Math.floor(width / PITCH_PX));
    const length = Math.max(bars.index(bars.startMs + this._whole), 1);
    const paths = { you: new Path2D(), model: new Path2D(), thin: new Path2D() };
    for (const [name, side] of [["you", -1], ["model", 1]]) {
      summary(bars[name], length, count).forEach((height, n) => this._bar(paths[name], n * PITCH_PX + 1, height, side));
    }
    this._stroke(paths);
  }
}
