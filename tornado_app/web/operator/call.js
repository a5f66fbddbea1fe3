/** One call: who, how loud, how long they waited, what it cost; and what can be done about it. */

import { el, icon, say, svg } from "./dom.js";
import { clock, seconds } from "./figures.js";
import { facts } from "./facts.js";
import { Levels } from "./levels.js";
import { ListeningPanel } from "./listening_panel.js";
import { ask, field } from "./question.js";
import { money, PERIODS, whole } from "./words.js";

const TALLEST_PX = 28;
const PX_PER_S = 16;
const OVER_MS = 4000;

export class Call {
  /** *asked*: the administration; *changed*: told that somebody is kept out; *ears*: which call is
   * listened to, of all. */
  constructor(call, asked, changed, ears) {
    this.id = call.session_id;
    this.user = call.user_id;
    this._asked = asked;
    this._changed = changed;
    this._panel = new ListeningPanel(this, asked, ears);
    this._overAt = null;
    this._build();
    this.levels = new Levels(this._wave, this.user);
    this.show(call);
  }

  _build() {
    const more = `more-${this.id}`;
    this._more = el("button", { type: "button", class: "btn quiet square", "aria-expanded": "false", "aria-controls": more, onclick: () => this._toggle() },
      icon("down"), el("span", "vh", `More about the call of ${this.user}`));
    this._about = el("span", "num");
    this._wave = el("canvas", { class: "wave", role: "img", "aria-label": "Both are silent." });
    this._bars = el("span", "bars");
    this._wait = el("b", "num");
    this._cost = el("b", "num");
    this._tokens = el("span", "num");
    this._facts = el("dl", "facts");
    this._listen = el("button", { type: "button", class: "btn", hidden: true, onclick: () => this._askListen() }, "Listen to this call");
    this._actions = el("div", "acts",
      this._listen,
      el("button", { type: "button", class: "btn", onclick: () => this._askEnd() }, "End this call"),
      el("button", { type: "button", class: "btn", onclick: () => this._askKeepOut() }, `Keep ${this.user} out`));
    this._detail = el("div", { class: "detail", id: more, hidden: true }, this._facts, this._actions);
    this.element = el("li", { class: "call" },
      el("div", "row",
        el("div", "who", el("b", null, this.user), this._about),
        el("div", "line", this._wave),
        el("div", "waited", this._bars, this._wait),
        el("div", "cost", this._cost, this._tokens),
        this._more),
      this._panel.element,
      this._detail);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this._detail.hidden) this._toggle();
    });
  }

  get isListenedTo() {
    return this._panel.isOn;
  }

  focus() {
    this._more.focus({ preventScroll: true });
  }

  /** As it was told just now. */
  show(call) {
    this._call = call;
    const state = call.state === "connected" ? "" : `${call.state} · `;
    say(this._about, `${state}${clock(call.duration_s * 1000)} · ${call.model}`);
    const last = call.waits.at(-1);
    say(this._wait, last ? seconds(total(last)) : "");
    this._drawWaits(call.waits);
    say(this._cost, call.cost && Number(call.cost.amount) ? money(call.cost) : "");
    say(this._tokens, call.tokens ? `${whole(call.tokens)} tokens` : "");
    if (call.levels) this.levels.put(call.levels);
    if (!this._detail.hidden) this._look();
  }

  /** It has ended; true: nobody needs to see it any more. */
  over(nowMs) {
    if (this._overAt === null) {
      this._overAt = nowMs;
      this.element.classList.add("over");
      say(this._about, `ended after ${clock(this._call.duration_s * 1000)}`);
      this._actions.replaceChildren();
    }
    if (this._panel.isShown) return false;
    return nowMs - this._overAt > OVER_MS && !this.element.contains(document.activeElement);
  }

  _drawWaits(waits) {
    const drawn = JSON.stringify(waits);
    if (drawn === this._drawnWaits) return;
    this._drawnWaits = drawn;
    const scale = Math.min(PX_PER_S, (TALLEST_PX * 1000) / Math.max(1, ...waits.map(total)));
    const drawing = svg("svg", { width: Math.max(1, waits.length * 7 - 1), height: TALLEST_PX, role: "img", "aria-label": named(waits) });
    waits.forEach((wait, at) => {
      const tall = Math.max(3, Math.round((total(wait) * scale) / 1000));
      const own = Math.max(1, Math.round((wait.gateway_ms * scale) / 1000));
      drawing.append(
        svg("rect", { class: "of-model", x: at * 7, y: TALLEST_PX - tall + own + 1, width: 5, height: Math.max(1, tall - own - 1) }),
        svg("rect", { class: "of-gateway", x: at * 7, y: TALLEST_PX - tall, width: 5, height: own }));
    });
    this._bars.replaceChildren(...(waits.length ? [drawing] : []));
  }

  _toggle() {
    const isOpen = this._detail.hidden;
    this._detail.hidden = !isOpen;
    this._more.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this._look();
    else this._more.focus({ preventScroll: true });
  }

  async _look() {
    try {
      const told = await this._asked.call(this.id);
      this._listen.hidden = !told.may_listen || this._panel.isOn;
      const now = JSON.stringify({ ...told, duration_s: 0 });
      if (now !== this._looked) this._facts.replaceChildren(...facts(told));
      this._looked = now;
    } catch {
      // It has ended, or the next round says why there is no answer.
    }
  }

  _askListen() {
    const reason = el("input", { maxlength: 500, autocomplete: "off" });
    ask(this._actions, {
      sentence: `Listen to ${this.user} and the model? ${this.user} is told at once, and the audit has who listened and for how long.`,
      fields: [field("Why, for the audit", reason)],
      yes: "Listen",
      no: "Do not listen",
      act: async (close) => {
        await this._panel.begin(reason.value.trim());
        this._listen.hidden = true;
        close();
        this._panel.focus();
      },
    });
  }

  _askEnd() {
    const words = el("input", { maxlength: 500, placeholder: "Whoever runs this server has ended the call.", autocomplete: "off" });
    ask(this._actions, {
      sentence: `End the call of ${this.user}?`,
      fields: [field("What the caller is told", words)],
      yes: "End the call",
      no: "Let it go on",
      act: async () => {
        await this._asked.end(this.id, words.value.trim());
        this._more.focus({ preventScroll: true });
      },
    });
  }

  _askKeepOut() {
    const period = el("select", null, ...PERIODS.map(([name, forS]) => el("option", { value: forS, selected: forS === 3600 }, name)));
    const reason = el("input", { maxlength: 500, autocomplete: "off" });
    ask(this._actions, {
      sentence: `Keep ${this.user} out? All calls of this user end within a second.`,
      fields: [field("For how long", period), field("Why, for the audit", reason)],
      yes: `Keep ${this.user} out`,
      no: "Do nothing",
      act: async () => {
        await this._asked.keepOut(this.user, Number(period.value), reason.value.trim());
        this._more.focus({ preventScroll: true });
        this._changed();
      },
    });
  }
}

const total = ({ model_ms: model, gateway_ms: gateway, tools_ms: tools }) => model + gateway + (tools ?? 0);
const named = (waits) => `Waits before the last ${waits.length} answers, in seconds: ${waits.map((wait) => (total(wait) / 1000).toFixed(2)).join(", ")}`;
