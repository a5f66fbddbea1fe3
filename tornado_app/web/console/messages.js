/** The panel with what goes over the wire. */

import { byId, download, el, say } from "./dom.js";
import { stamp } from "./figures.js";
import { KINDS, Wire } from "./wire.js";

const ROWS = 500;

export class Messages {
  constructor() {
    this.wire = new Wire();
    this._list = byId("wire-list");
    this._kind = "all";
    this._selected = this._paused = null;
    this._isDue = false;
    this._buttons = new Map(KINDS.map(([kind, name]) => [kind, this._kindButton(kind, name)]));
    byId("kinds").append(...this._buttons.values());
    byId("filter").addEventListener("input", () => this._draw());
    byId("pause").addEventListener("click", () => this._pause());
    byId("save-wire").addEventListener("click", () => this.save());
    byId("copy").addEventListener("click", () => this._copy());
    this._list.addEventListener("click", (event) => this._pick(event.target.closest("li")));
    this._list.addEventListener("keydown", (event) => this._move(event));
    this._choose("all");
  }

  /** A message of the call, as parley.js tells of it. */
  note(message) {
    this.wire.note(message);
    this._later();
  }

  clear() {
    this.wire.clear();
    this._selected = this._paused = null;
    this._draw();
  }

  /** The panel was opened. */
  opened() {
    this._draw();
    this._list.scrollTop = this._list.scrollHeight;
  }

  save() {
    const lines = this.wire.all.map((entry) => JSON.stringify(entry.saved(this.wire.startMs)));
    download("parley-messages.jsonl", lines.join("\n") + "\n", "application/jsonl");
  }

  /** Draw soon: many messages make one drawing. */
  _later() {
    if (this._isDue || byId("messages").hidden) return;
    this._isDue = true;
    setTimeout(() => {
      this._isDue = false;
      this._draw();
    }, 100);
  }

  _kindButton(kind, name) {
    const count = el("span", "num");
    return el("button", { type: "button", "aria-pressed": "false", onclick: () => this._choose(kind) }, name, count);
  }

  _choose(kind) {
    this._kind = kind;
    for (const [name, button] of this._buttons) button.setAttribute("aria-pressed", String(name === kind));
    this._draw();
  }

  _pause() {
    this._paused = this._paused === null ? this.wire.count : null;
    byId("pause").setAttribute("aria-pressed", String(this._paused !== null));
    this._draw();
  }

  _draw() {
    const { wire } = this;
    const found = wire.find(byId("filter").value, this._paused ?? Infinity);
    for (const [kind, button] of this._buttons) say(button.lastElementChild, String(found.counts[kind]));
    say(byId("shown"), found.isFiltered ? `${found.counts.all} of ${wire.count}` : String(wire.count || ""));
    const fresh = wire.count - (this._paused ?? wire.count);
    say(byId("pause"), this._paused === null ? "Pause" : fresh ? `Go on, ${fresh} new` : "Go on");
    const rows = wire.folded(found.entries, this._kind).slice(-ROWS);
    byId("nothing").hidden = rows.length > 0;
    this._fill(rows);
    this._show();
  }

  _fill(rows) {
    const list = this._list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
    this._rows = rows;
    const shown = new Map([...list.children].map((row) => [row.dataset.key, row]));
    const drawn = rows.map((row) => {
      const old = shown.get(row.key);
      return old && old.dataset.count === String(row.count) ? old : this._row(row);
    });
    if (drawn.length !== list.children.length || drawn.some((row, n) => row !== list.children[n])) {
      list.replaceChildren(...drawn);
    }
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }

  _row(row) {
    const { key, entry, count } = row;
    const isOut = entry.direction === "out";
    const type = count > 1 ? `${entry.type} × ${count}` : entry.type;
    return el(
      "li",
      { role: "option", id: `wire-${key}`, class: isOut && "out", "data-key": key, "data-count": count },
      el("time", null, stamp(entry.at - this.wire.startMs)),
      el("span", { class: "dir", role: "img", "aria-label": isOut ? "sent" : "received" }, isOut ? "→" : "←"),
      el("span", "type", type),
      el("span", "more", row.about),
    );
  }

  _pick(row) {
    if (!row) return;
    this._selected = row.dataset.key;
    this._show();
  }

  _move(event) {
    const rows = [...this._list.children];
    const at = rows.findIndex((row) => row.dataset.key === this._selected);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? rows.length - 1 : at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows.length) return;
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
    this._pick(row);
    row.scrollIntoView({ block: "nearest" });
  }

  _show() {
    for (const row of this._list.children) row.setAttribute("aria-selected", String(row.dataset.key === this._selected));
    const row = this._rows?.find(({ key }) => key === this._selected);
    if (row) this._list.setAttribute("aria-activedescendant", `wire-${row.key}`);
    else this._list.removeAttribute("aria-activedescendant");
    byId("one").hidden = !row;
    if (!row || this._shownKey === `${row.key} ${row.count}`) return;
    this._shownKey = `${row.key} ${row.count}`;
    say(byId("one-type"), row.entry.type);
    const times = row.count > 1 ? `, the latest of ${row.count}` : "";
    say(byId("one-about"), `${row.entry.direction === "out" ? "sent" : "received"}, ${row.latest.bytes} bytes${times}`);
    byId("one-text").replaceChildren(...pretty(row.latest.text));
  }

  async _copy() {
    try {
      await navigator.clipboard.writeText(byId("one-text").textContent);
      say(byId("copy"), "Copied");
    } catch {
      getSelection().selectAllChildren(byId("one-text"));
      say(byId("copy"), "Selected");
    }
    setTimeout(() => say(byId("copy"), "Copy"), 1500);
  }
}

/** JSON with its names in another ink, or what the message is if it has no text. */
function pretty(text) {
  if (text === undefined) return ["Sound, or something that is not shown."];
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return [text];
  }
  return JSON.stringify(value, null, 2).split(/("(?:[^"\\]|\\.)*":)/).map((part, n) => (n % 2 ? el("i", null, part) : part));
}
