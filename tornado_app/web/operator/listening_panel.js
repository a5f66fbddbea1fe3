/** That a call is listened to: a mark that stays in sight, its words, and the way out of it. */

import { el, icon, say } from "./dom.js";
import { clock } from "./figures.js";
import { Listening } from "./listening.js";

const WORDS_SHOWN = 100;

/** Which call is listened to: one at a time. */
export class Ears {
  #panel = null;

  take(panel) {
    if (this.#panel !== panel) this.#panel?.end();
    this.#panel = panel;
  }

  end() {
    this.#panel?.end();
    this.#panel = null;
  }
}

export class ListeningPanel {
  constructor(call, asked, ears) {
    this._call = call;
    this._asked = asked;
    this._ears = ears;
    this._listening = null;
    this._state = el("p", { class: "ear-state", role: "status" });
    this._time = el("span", "num");
    this._stop = el("button", { type: "button", class: "btn", onclick: () => this._end() }, "Stop listening");
    this._words = el("div", { class: "words", role: "log", "aria-label": `What ${call.user} and the model say`, tabindex: 0 });
    this.element = el("section", { class: "ear", hidden: true, "aria-label": `Listening to ${call.user}` },
      el("div", "ear-head", icon("ear"), this._state, this._time, this._stop), this._words);
  }

  get isOn() {
    return this._listening !== null;
  }

  get isShown() {
    return !this.element.hidden;
  }

  /** Raises `Failed`, if this call may not be listened to. */
  async begin(reason) {
    const listening = new Listening(this._asked, this._call.id, {
      words: (list) => this._show(list),
      lost: (ms) => this._note(`${(ms / 1000).toFixed(1)} s were lost on the way.`),
      over: (sentence) => this._over(sentence || "The call has ended."),
    });
    this._ears.take(this);
    await listening.begin(reason);
    this._listening = listening;
    this._words.replaceChildren();
    this.element.hidden = false;
    this._call.element.classList.add("listened");
    say(this._state, `You are listening to this call, and ${this._call.user} knows it.`);
    say(this._stop, "Stop listening");
    this._ticking = setInterval(() => this._tick(), 1000);
    this._tick();
  }

  focus() {
    this._stop.focus({ preventScroll: true });
  }

  /** Another call is listened to, or the page goes. */
  end() {
    if (!this._listening) return;
    this._listening.end();
    this._off();
    this.element.hidden = true;
  }

  _end() {
    this.end();
    this.element.hidden = true;
    this._call.focus();
  }

  _over(sentence) {
    this._off();
    say(this._state, sentence);
    say(this._stop, "Close");
  }

  _off() {
    clearInterval(this._ticking);
    this._listening = null;
    this._call.element.classList.remove("listened");
  }

  _tick() {
    say(this._time, clock(performance.now() - this._listening.beganAt));
  }

  _show(list) {
    for (const { role, text } of list) {
      const who = role === "user" ? this._call.user : "Model";
      this._add(el("p", role === "user" ? "of-user" : "of-model", el("b", null, who), el("span", { dir: "auto" }, text)));
    }
  }

  _note(sentence) {
    this._add(el("p", "note", sentence));
  }

  /** The newest is in sight, unless somebody reads what was before. */
  _add(line) {
    const words = this._words;
    const isAtEnd = words.scrollHeight - words.scrollTop - words.clientHeight < 24;
    words.append(line);
    while (words.children.length > WORDS_SHOWN) words.firstChild.remove();
    if (isAtEnd) words.scrollTop = words.scrollHeight;
  }
}
