/** Draws the line: you above, the model below, time from right to left. */

import { Bars } from "./bars.js";
import { byId } from "./dom.js";
import { Drawing } from "./drawing.js";

const SLOW_MS = 8;
const FPS = [60, 30, 10];
const NAMED_MS = 2000;
const LEAST_WAIT_PX = 8;
const FIGURE_PX = 44;
/** How far to the right of a wait its figure may reach. */
const BEHIND_PX = 40;
const LEAST_HEIGHT_PX = 100;

/** The canvas and what is on it. */
export class Line {
  constructor() {
    this._canvas = byId("wave");
    this._context = this._canvas.getContext("2d");
    this._drawing = new Drawing(this._context);
    this._reduced = matchMedia("(prefers-reduced-motion: reduce)");
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
    this._pace = this._slow = 0;
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

  /** What was kept of your speech since *fromMs* is there. */
  arrived(fromMs) {
    this.bars?.arrived(fromMs);
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
    this._drawing.ink({ you: read("b-you"), model: read("b-model"), thin: read("b-thin") });
    this._textColour = read("b-text");
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
    const isPast = this.bars && this.bars.silentMs(performance.now()) * this._drawing.pxPerMs > this._width;
    if (!isPast) this.wake();
  }

  _resize() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this._canvas;
    Object.assign(this, { _width: clientWidth, _height: clientHeight, _ratio: ratio });
    this._canvas.width = Math.round(clientWidth * ratio);
    this._canvas.height = Math.round(clientHeight * ratio);
    this._drawing.fit(ratio);
    this._draw();
  }

  /** How long it took. */
  _draw() {
    const began = performance.now();
    const { _context: context, _drawing: drawing, _ratio: ratio, bars } = this;
    if (!this._width) return 0;
    context.clearRect(0, 0, this._canvas.width, this._canvas.height);
    if (bars && this._whole) drawing.whole(bars, this._whole);
    else if (bars) {
      drawing.now(bars, began);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this._drawWaits(began);
      context.resetTransform();
    }
    return performance.now() - began;
  }

  /** A bracket from your last bar to the model's first, and how long that was. */
  _drawWaits(nowMs) {
    if (this._height < LEAST_HEIGHT_PX) return;
    const { _context: context, _width: width } = this;
    const { pxPerMs } = this._drawing;
    const xAt = (ms) => Math.round(width - (nowMs - ms) * pxPerMs);
    const y = Math.round(this._height / 2) + 16;
    context.strokeStyle = context.fillStyle = this._textColour;
    context.lineWidth = 1;
    context.font = this._font;
    const { waits } = this.bars;
    for (let n = waits.length - 1; n >= 0; n--) {
      const { fromMs, toMs, label } = waits[n];
      const [from, to] = [xAt(fromMs) + 4.5, xAt(toMs) - 6.5];
      if (to < -BEHIND_PX) break;
      if (to - from < LEAST_WAIT_PX) continue;
      context.beginPath();
      context.moveTo(from, y - 4);
      context.lineTo(from, y + 4);
      context.moveTo(from, y + 0.5);
      context.lineTo(to, y + 0.5);
      context.moveTo(to, y - 4);
      context.lineTo(to, y + 4);
      context.stroke();
      const isNarrow = to - from < FIGURE_PX;
      if (isNarrow && this.bars.isHeard(nowMs - (width - to + FIGURE_PX) / pxPerMs, fromMs)) continue;
      context.textAlign = isNarrow ? "right" : "center";
      context.fillText(label, isNarrow ? to : (from + to) / 2, y + 19);
    }
  }
}
