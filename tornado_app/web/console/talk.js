/** The script: who said what, and what of it was heard. */

import { byId, el } from "./dom.js";
import { about } from "./figures.js";
import { heardCharacters } from "./heard.js";
import { wait } from "./wait.js";

const AT_END_PX = 48;
const ROWS = 1000;
const LABELS = { you: "You", model: "Model", tool: "Tool", page: "Parley" };

/** Rows of the conversation, oldest first. */
export class Talk {
  constructor() {
    this._stage = byId("stage");
    this._list = byId("talk");
    this.clear();
    this._follows = true;
    /** Whether answers are read and not heard. */
    this.isWritten = () => false;
    // A person who scrolls away from the end stays there; a window of another size is no such wish.
    this._stage.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this._stage;
      const size = `${scrollHeight} ${clientHeight}`;
      if (size === this._size) this._follows = scrollHeight - scrollTop - clientHeight < AT_END_PX;
      this._size = size;
    });
    const resized = new ResizeObserver(() => this._follow());
    for (const element of [this._stage, this._list]) resized.observe(element);
  }

  clear() {
    this._list.replaceChildren();
    this.rows = [];
    this._byItem = new Map();
    this._waits = new Map();
    this._items = new Map();
    this._follows = true;
  }

  get isEmpty() {
    return !this.rows.length;
  }

  // ---- You

  /** You begin to speak: a row that may be filled when the answer has begun. */
  listen(itemId) {
    if (this._byItem.has(itemId)) return;
    this._row("you", itemId);
  }

  /** You stopped speaking; words may still come. */
  listened(itemId) {
    const row = this._byItem.get(itemId);
    if (row) this._draw(Object.assign(row, { isOpen: false }));
  }

  /** What was begun under the name of *key* is the item *itemId*. */
  rename(key, itemId) {
    const row = this._byItem.get(key);
    if (!row || this._byItem.has(itemId)) return;
    this._byItem.delete(key);
    this._byItem.set(itemId, row);
  }

  // ---- Both

  words({ role, itemId, text, final: isFinal }) {
    const kind = role === "user" ? "you" : "model";
    const row = this._byItem.get(itemId) ?? this._row(kind, itemId);
    Object.assign(row, { text, isFinal, isOpen: !isFinal });
    if (kind === "you" && isFinal && !text.trim()) return this._remove(row);
    this._draw(row);
  }

  // ---- The model

  /** The first sound of an item is heard. */
  speaking({ itemId, responseId }) {
    const row = this._byItem.get(itemId) ?? this._row("model", itemId);
    row.isPlayed = true;
    this._items.set(responseId, row);
    const waited = this._waits.get(responseId);
    if (waited) this._waited(row, waited);
    this._draw(row);
  }

  played({ itemId, playedMs, receivedMs }) {
    const row = this._byItem.get(itemId);
    if (!row) return;
    row.isPlayed = true;
    row.playedMs = Math.max(row.playedMs, playedMs);
    row.receivedMs = Math.max(row.receivedMs, receivedMs);
    this._draw(row);
  }

  /** An item is over; of one that was interrupted the rest was never heard. */
  playedOut({ itemId, heardMs, interrupted }) {
    const row = this._byItem.get(itemId);
    if (!row) return;
    row.isOver = true;
    row.isCut = interrupted && heardMs < row.receivedMs;
    if (row.isCut) Object.assign(row, { playedMs: heardMs, heard: 0 });
    else row.playedMs = row.receivedMs = Math.max(row.receivedMs, heardMs, 1);
    this._draw(row);
    if (row.isCut) this._side(row, `heard ${(heardMs / 1000).toFixed(1)} of ${about(row.receivedMs)}`);
  }

  /** What had interrupted it was a noise, and the rest is heard after all. */
  goesOn({ itemId }) {
    const row = this._byItem.get(itemId);
    if (!row) return;
    row.isOver = row.isCut = false;
    this._side(row, "");
    this._draw(row);
  }

  /** How long an answer was waited for; it may be known before its first word. */
  latency(turn) {
    this._waits.set(turn.responseId, turn);
    const row = this._items.get(turn.responseId);
    if (row) this._waited(row, turn);
  }

  /** The same of an item that is written. */
  written(itemId, turn) {
    this._waited(this._byItem.get(itemId) ?? this._row("model", itemId), turn);
  }

  // ---- Tools and the page

  tool({ callId, name, arguments: given, status, result, ms }) {
    let row = this._byItem.get(callId);
    if (!row) {
      row = this._row("tool", callId);
      row.startedAt = performance.now();
      const shown = Object.entries(given ?? {}).map(([key, value]) => `${key}: ${short(value)}`);
      row.body.append(el("b", null, name), ` ${shown.join(", ")}`);
      row.out = row.body.appendChild(el("span", { class: "out", hidden: true }));
    }
    row.status = status;
    row.element.classList.toggle("cancelled", status === "cancelled");
    if (status === "done") row.out.textContent = short(result ?? "");
    if (status === "failed") row.out.textContent = `${short(result ?? "no answer")}; the model was told`;
    row.out.hidden = !row.out.textContent;
    row.ms = ms ?? performance.now() - row.startedAt;
    row.element.setAttribute("aria-hidden", String(status === "running"));
    this.tick();
    this._follow();
  }

  /** Seconds so far, of tools that run. */
  tick() {
    for (const row of this.rows) {
      if (row.kind !== "tool" || !row.status) continue;
      const runs = row.status === "running";
      const ms = runs ? performance.now() - row.startedAt : row.ms;
      const digits = runs ? 1 : 2;
      const figure = `${(ms / 1000).toFixed(digits)}\u00a0s`;
      this._side(row, ...(runs ? [el("span", "busy"), figure, el("span", "vh", " so far")] : [figure]));
    }
  }

  get hasRunningTool() {
    return this.rows.some((row) => row.status === "running");
  }

  /**
   * A sentence of the page's own; *key* names one that is changed rather than said again.
   * *isNews*: it is said again if something else has been said since.
   */
  sentence(key, { fact, rest = "", actions = [] }, isNews = false) {
    if (isNews && this._byItem.get(key) !== this.rows.at(-1)) this._byItem.delete(key);
    const row = this._byItem.get(key) ?? this._row("page", key);
    row.text = [fact, rest].filter(Boolean).join(" ");
    row.body.replaceChildren(el("b", null, fact), ` ${rest}`);
    if (actions.length) row.body.append(el("div", "actions", ...actions));
    this._follow();
    return row;
  }

  /** What stands beside a sentence. */
  beside(key, figure) {
    const row = this._byItem.get(key);
    if (row) this._side(row, el("b", null, figure));
  }

  /** The sentence of *key* is one of the past. */
  settle(key, newKey) {
    const row = this._byItem.get(key);
    if (!row) return;
    this._byItem.delete(key);
    this._byItem.set(newKey, row);
    row.side?.remove();
    row.side = null;
  }

  withdraw(key) {
    const row = this._byItem.get(key);
    if (row) this._remove(row);
  }

  /** The model starts afresh; what was not written down by now never will be. */
  forget() {
    for (const row of this.rows.filter(({ kind, text }) => kind === "you" && !text)) this._remove(row);
    for (const row of this.rows) if (row.kind !== "page") row.element.classList.add("forgotten");
  }

  // ---- Rows

  _row(kind, key) {
    const body = el(kind === "page" ? "div" : "p", { class: "text", dir: "auto" });
    const element = el("li", `turn ${kind} cols now`, el("span", "label", LABELS[kind]), body);
    const row = { kind, key, element, body, text: "", isFinal: false, isOpen: true, isWritten: this.isWritten() };
    Object.assign(row, { playedMs: 0, receivedMs: 0, heard: 0, isPlayed: false, isOver: false, isCut: false });
    this._age(kind);
    this.rows.push(row);
    if (this.rows.length > ROWS) this._remove(this.rows[0]);
    if (key) this._byItem.set(key, row);
    this._list.append(element);
    if (kind === "you" || kind === "model") this._draw(row);
    this._follow();
    return row;
  }

  /** What is said now is what began with your last words, and what they interrupted. */
  _age(kind) {
    if (kind === "page") return;
    const last = this.rows.findLast((row) => row.kind === "model");
    const from = kind === "you" ? this.rows.length : this.rows.findLastIndex((row) => row.kind === "you");
    for (const [index, row] of this.rows.entries()) {
      const isInterrupted = kind === "you" && row === last && row.isPlayed && !row.isOver;
      if (index >= from || isInterrupted) continue;
      row.element.classList.remove("now");
      // One that was never played is as settled as it will ever be.
      if (row.kind === "model" && !row.isPast) this._draw(Object.assign(row, { isPast: true }));
    }
  }

  _remove(row) {
    row.element.remove();
    this.rows.splice(this.rows.indexOf(row), 1);
    for (const [key, other] of this._byItem) if (other === row) this._byItem.delete(key);
  }

  _draw(row) {
    const { body, text } = row;
    const caret = row.isOpen && el("span", "caret");
    if (row.kind === "you") {
      body.replaceChildren(...(text ? [text] : [el("span", "ahead", "…")]), ...(caret && text ? [caret] : []));
    } else {
      row.heard = Math.max(row.heard, heardCharacters(text, row.playedMs, row.receivedMs));
      const heard = row.isWritten || (row.isOver && !row.isCut) ? text.length : row.heard;
      const space = text.slice(heard).match(/^\s*/u)[0];
      const rest = text.slice(heard + space.length);
      const moves = row.isOpen || (row.isPlayed && !row.isOver);
      const tail = row.isCut ? [el("span", "vh", "Not heard: "), el("s", null, rest)] : [el("span", "ahead", rest)];
      const parts = [text.slice(0, heard), moves && el("span", "caret"), ...(rest ? [space, ...tail] : [])];
      body.replaceChildren(...parts.filter(Boolean));
    }
    // role=log is for words that change no more.
    const isSettled = row.isFinal && (row.kind === "you" || row.isOver || row.isWritten || row.isPast);
    if (isSettled) row.element.removeAttribute("aria-hidden");
    else row.element.setAttribute("aria-hidden", "true");
    this._follow();
  }

  _waited(row, turn) {
    if (row.wait) return;
    row.wait = turn;
    this._side(row, ...wait(turn));
  }

  _side(row, ...parts) {
    row.side ??= row.element.appendChild(el("span", "side wait"));
    if (row.isCut && row.wait) row.side.replaceChildren(wait(row.wait)[0], el("span", "heard", ...parts));
    else row.side.replaceChildren(...parts);
  }

  _follow() {
    if (!this._follows || this._stage.classList.contains("large")) return;
    this._stage.scrollTop = this._stage.scrollHeight;
    this._size = `${this._stage.scrollHeight} ${this._stage.clientHeight}`;
  }
}

/** One line of a value. */
function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
