/** The panel in which a call is set: what is in force, what a person has changed of it, and Apply. */

import { byId, el, say } from "./dom.js";
import { FIELDS, FORMAT_FIELDS, OF_WORDS, makeField } from "./fields.js";
import { SoundSettings } from "./sound.js";

const SET_BY_SERVER = "Set by the server. Your token does not allow another.";
const HIDDEN = "Set by the server, and shown to nobody.";
const BEFORE_A_CALL = "This is chosen before a call begins.";
const NOTHING_ANSWERS = "Nothing is answered in a call that only writes down.";
const HAS_SPOKEN = "The model has spoken, so its voice stays until this call ends.";
/** What parley.js can encode and decode. */
const SPOKEN_HERE = ["pcm16", "float32", "pcmu", "pcma"];

export class Settings {
  /**
   * @param {object} about what /console/about says
   * @param {(changes: object) => Promise<void>} apply in a call; rejects with a sentence
   */
  constructor(about, apply, keys) {
    this._apply = apply;
    const format = (name) => ({ at: ["query"], ...about.fields[name], now: "pcm16", values: SPOKEN_HERE });
    const formats = { input_format: format("input_format"), output_format: format("output_format") };
    this._offers = { ...about.fields, ...formats };
    const offered = (field) => this._offers[field.name];
    const make = (field) => makeField(field, offered(field));
    // Without a model that transcribes the gateway refuses calls that only write down.
    const isOffered = (field) => offered(field) && (field.name !== "session" || about.writes_down);
    const conversation = FIELDS.filter(isOffered).map(make);
    const formatting = FORMAT_FIELDS.map(make);
    this._fields = [...conversation, ...formatting];
    this.sound = new SoundSettings(formatting.map(({ element }) => element));
    byId("settings-form").append(
      el("section", "group", el("h3", null, "Conversation"), ...conversation.map(({ element }) => element)),
      this.sound.element,
      keys,
    );
    this._locked = new Set();
    /** What was chosen for the next call, beside what the server has. */
    this.chosen = {};
    this.follow(null, false);
    byId("settings-form").addEventListener("input", () => this._look());
    byId("settings-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
    byId("undo").addEventListener("click", () => this._undo());
  }

  /** What was chosen, as parameters of an opening; what is typed is always answered. */
  parameters(isTyped) {
    const { session, ...others } = this._chosenFor("query", () => true);
    if (isTyped || session === undefined) return others;
    return session === "transcription" ? ofWords({ session, ...others }) : { session, ...others };
  }

  /** And what an address cannot say, for a `configure` when *call* has begun. */
  first(call) {
    const chosen = this._chosenFor("configure", (at) => !at.includes("query"));
    return isOfWords(call) ? ofWords(chosen) : chosen;
  }

  /** Whose turns those of an open microphone are. */
  get openTurns() {
    const now = [this.chosen.turn_detection, this._offers.turn_detection.now, "server_vad"];
    return now.find((name) => name && name !== "none");
  }

  _chosenFor(source, alsoIf) {
    const entries = Object.entries(this.chosen);
    return Object.fromEntries(entries.filter(([name]) => this._at(name).includes(source) && alsoIf(this._at(name))));
  }

  _at(name) {
    return this._offers[name].at;
  }

  /** Follow *call*, or none; what a person has changed stays as it is. */
  follow(call, hasSpoken) {
    const changed = this._inForce ? new Set(this._changes().map(([name]) => name)) : new Set();
    this._call = call;
    this._inForce = call?.negotiated ? inForce(call.negotiated, this.chosen) : this._ahead();
    this._locked.clear();
    for (const field of this._fields) {
      const reason = this._lockOf(field.name, hasSpoken);
      if (reason) this._locked.add(field.name);
      if (reason || !changed.has(field.name)) field.set(this._inForce[field.name] ?? "");
      field.lock(reason);
    }
    this.sound.follow(call);
    this._look("");
  }

  _ahead() {
    const now = Object.entries(this._offers).map(([name, offer]) => [name, offer.now ?? ""]);
    return { ...Object.fromEntries(now), ...this.chosen };
  }

  _lockOf(name, hasSpoken) {
    const at = this._at(name);
    if (!at.length) return name === "instructions" ? HIDDEN : SET_BY_SERVER;
    if (this._inForce.session === "transcription" && !OF_WORDS.includes(name)) return NOTHING_ANSWERS;
    if (this._call && !at.includes("configure")) return BEFORE_A_CALL;
    if (this._call && name === "voice" && hasSpoken) return HAS_SPOKEN;
    return "";
  }

  _changes() {
    return this._fields
      .filter(({ name }) => !this._locked.has(name))
      .map(({ name, get }) => [name, get()])
      .filter(([name, value]) => value !== undefined && value !== (this._inForce[name] ?? ""));
  }

  _look(words) {
    const changes = this._changes();
    const names = new Set(changes.map(([name]) => name));
    for (const field of this._fields) field.mark(names.has(field.name));
    byId("apply").classList.toggle("primary", changes.length > 0);
    for (const id of ["apply", "undo"]) byId(id).setAttribute("aria-disabled", String(!changes.length));
    const counted = changes.length === 1 ? "1 change" : `${changes.length} changes`;
    this._say(typeof words === "string" && !changes.length ? words : changes.length ? counted : "");
  }

  _say(words, isRefusal = false) {
    byId("settings-state").classList.toggle("refusal", isRefusal);
    say(byId("settings-state"), words);
  }

  _undo() {
    for (const field of this._fields) field.set(this._inForce[field.name] ?? "");
    this._look("");
  }

  async _submit() {
    const changes = this._changes();
    if (!changes.length) return;
    if (this._call) {
      try {
        await this._apply(Object.fromEntries(changes));
      } catch (refused) {
        this._say(refused.message, true);
        return;
      }
    }
    Object.assign(this.chosen, Object.fromEntries(changes));
    if (!this._call) this.follow(null, false);
    this._look(this._call ? "Applied" : "Applied, from the next call on");
  }
}

/** Whether *call* writes down and answers nothing. */
export const isOfWords = (call) => call?.negotiated?.session === "transcription";

const ofWords = (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => OF_WORDS.includes(name)));

/** What the gateway says is in force, by the names of `configure`. */
function inForce(negotiated, chosen) {
  const { session, voice, model, turn_detection, speed, transcription_language, answers_in: output } = negotiated;
  return {
    ...{ session, voice, model, turn_detection, speed, transcription_language, output },
    instructions: chosen.instructions ?? "",
    input_format: negotiated.input.format,
    output_format: negotiated.output.format,
  };
}
