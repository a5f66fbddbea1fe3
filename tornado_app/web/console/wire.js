/** All messages of a call, bounded, and what of them is looked for. */

import { seconds, size } from "./figures.js";

const ENTRIES = 20_000;
const CHARACTERS = 8_000_000;
const SHOWN = 48;

/** [kind, name] of the choices above the list. */
export const KINDS = [
  ["all", "All"],
  ["sound", "Sound"],
  ["words", "Words"],
  ["turns", "Turns"],
  ["tools", "Tools"],
  ["errors", "Errors"],
];

const OF_KIND = {
  sound: ["audio", "audio_data", "audio_received", "playback", "commit_audio", "clear_audio", "audio_committed", "audio_cleared"],
  words: ["transcript", "text"],
  turns: ["speech_started", "speech_stopped", "response_started", "response_done", "interrupted", "interrupt"],
  tools: ["tool_call", "tool_result", "tool_call_cancelled", "tool_activity"],
  errors: ["error"],
};
const KIND = new Map(Object.entries(OF_KIND).flatMap(([kind, types]) => types.map((type) => [type, kind])));
const FOLDED = new Set(["audio", "audio_data", "audio_received", "playback"]);

class Entry {
  constructor({ direction, at, type, text, bytes }, number) {
    Object.assign(this, { direction, at, type, text, bytes: bytes ?? 0, number, kind: KIND.get(type) ?? "other" });
  }

  /** What is searched; made when it is first asked for. */
  get words() {
    return (this._words ??= `${this.type} ${this.text ?? ""}`.toLowerCase());
  }

  get data() {
    if (this._data === undefined) {
      try {
        this._data = JSON.parse(this.text ?? "null");
      } catch {
        this._data = null;
      }
    }
    return this._data;
  }

  saved(startMs) {
    const { direction, at, type, bytes } = this;
    return { at_ms: Math.round(at - startMs), direction, type, bytes, message: this.data ?? undefined };
  }
}

export class Wire {
  constructor() {
    this.clear();
  }

  clear() {
    this.all = [];
    this.count = this._characters = 0;
    this.startMs = 0;
  }

  note(message) {
    if (!this.count) this.startMs = message.at;
    const entry = new Entry(message, this.count++);
    this.all.push(entry);
    this._characters += entry.text?.length ?? 0;
    let gone = 0;
    while (this.all.length - gone > ENTRIES || this._characters > CHARACTERS) {
      this._characters -= this.all[gone++].text?.length ?? 0;
    }
    if (gone) this.all.splice(0, gone);
  }

  /** Those that hold *text*, up to the one with number *end*, and how many there are of each kind. */
  find(text, end) {
    const wanted = text.trim().toLowerCase();
    const entries = this.all.filter(({ number, words }) => number < end && (!wanted || words.includes(wanted)));
    const counts = Object.fromEntries(KINDS.map(([kind]) => [kind, 0]));
    for (const { kind } of entries) if (kind in counts) counts[kind]++;
    counts.all = entries.length;
    return { entries, counts, isFiltered: Boolean(wanted) };
  }

  /** Rows of one kind; sound is one row as long as nothing else comes between, unless it is what is wanted. */
  folded(entries, kind) {
    const rows = [];
    let open = new Map(); // rows of sound that nothing else has come behind
    for (const entry of entries) {
      if (kind !== "all" && entry.kind !== kind) continue;
      const isFolded = kind !== "sound" && FOLDED.has(entry.type);
      const name = `${entry.direction} ${entry.type}`;
      const ms = entry.data?.data?.duration_ms ?? 0;
      const row = isFolded && open.get(name);
      if (row) {
        Object.assign(row, { count: row.count + 1, bytes: row.bytes + entry.bytes, ms: row.ms + ms });
        if (entry.text) row.latest = entry;
        continue;
      }
      const made = { key: String(entry.number), entry, latest: entry, count: 1, bytes: entry.bytes, ms };
      rows.push(made);
      if (isFolded) open.set(name, made);
      else open = new Map();
    }
    for (const row of rows) row.about = aboutRow(row);
    return rows;
  }
}

function aboutRow({ latest: entry, bytes, ms }) {
  const said = entry.data?.data ?? entry.data ?? {};
  const text = {
    audio: () => [ms ? seconds(ms) : "", size(bytes)].filter(Boolean).join(", "),
    audio_received: () => (ms ? `${seconds(ms)} taken` : ""),
    transcript: () => (said.final ? `“${said.text}”` : `“${(said.delta ?? said.text ?? "").trim()}”`),
    text: () => `“${said.text}”`,
    playback: () => `${Math.round(said.played_ms ?? 0)} ms played`,
    interrupted: () => (said.item_id ? `${Math.round(said.heard_ms)} ms heard` : ""),
    connection_status: () => said.status ?? "",
    response_done: () => said.status ?? "",
    tool_call: () => said.name ?? "",
    tool_result: () => (said.is_error ? "an error" : ""),
    error: () => entry.data?.error ?? "",
    limit_warning: () => `${said.used} of ${said.allowed} (${said.limit})`,
    configure: () => Object.keys(entry.data ?? {}).filter((name) => name !== "type" && name !== "id").join(", "),
  }[entry.type]?.();
  return (text ?? "").slice(0, SHOWN * 2);
}
