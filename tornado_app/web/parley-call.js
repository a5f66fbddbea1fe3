/**
 * <parley-call>: a button, what the call is doing, and what is said.
 *
 *     <script type="module" src="https://gateway.example.com/parley-call.js"></script>
 *     <parley-call token-url="/token" voice="cedar"></parley-call>
 *
 * `token-url` is asked by POST, with the page's cookies, and answers with a token, or JSON that has one as
 * `token`; a page may set `getToken` instead, and `options` for all that `connect` of parley.js takes.
 * Attributes: url, token-url, voice, language, microphone="off", talk="push_to_talk", start-label, end-label.
 * The call, while there is one, is `call`; its events come as "parley-status", "parley-transcript" and so on.
 */

import { connect } from "./parley.js";

const STYLE = `
:host { display: block; font: 1rem/1.5 system-ui, sans-serif; }
:host([hidden]) { display: none; }
button { font: inherit; min-height: 2.75rem; padding: 0 1.25rem; border: 0; border-radius: .5rem; cursor: pointer;
  background: var(--parley-accent, #00705c); color: var(--parley-on-accent, #fff); }
button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
p:empty { margin: 0; }
.who { font-weight: 600; }
s { opacity: .65; }
.aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (forced-colors: active) { button { border: 1px solid; } }
`;

const EVENTS = ["status", "transcript", "speech", "speaking", "playback_ended", "interrupted", "tool", "error", "problem", "limit", "listening"];
const NAMES = { user: "You", assistant: "Model" };

const make = (name, more = {}, ...children) => {
  const element = Object.assign(document.createElement(name), more);
  element.append(...children);
  return element;
};

export class ParleyCall extends HTMLElement {
  /** @type {import("./parley.js").Call | null} */
  call = null;
  /** @type {(() => string | Promise<string>) | null} */
  getToken = null;
  /** @type {Partial<import("./parley.js").Options>} */
  options = {};

  connectedCallback() {
    if (this.shadowRoot) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this._button = make("button", { type: "button", onclick: () => this._press() });
    this._state = make("p", { role: "status" });
    this._heardBy = make("p", { role: "status", className: "who" });
    this._words = make("div", { part: "words" });
    this._words.setAttribute("aria-hidden", "true"); // as it streams; what is final is told once
    this._told = make("div", { role: "log", className: "aside" });
    this.shadowRoot.append(this._button, this._state, this._heardBy, this._words, this._told);
    this._label();
  }

  disconnectedCallback() {
    this.call?.close();
  }

  _label() {
    const isOn = this.call !== null;
    this._button.textContent = isOn ? this.getAttribute("end-label") ?? "End" : this.getAttribute("start-label") ?? "Start talking";
  }

  _press() {
    if (this.call) this.call.close();
    else this.start();
  }

  /** Begin a call; the promise is that of parley.js. */
  start() {
    if (this.call) return this.call.ready;
    this._words.replaceChildren();
    this._told.replaceChildren();
    this._lines = new Map();
    const call = (this.call = connect(this._options()));
    for (const name of EVENTS) {
      call.on(name, (detail) => {
        this[`_${name}`]?.(detail);
        this.dispatchEvent(new CustomEvent(`parley-${name}`, { detail }));
      });
    }
    this._label();
    return call.ready;
  }

  _options() {
    const parameters = {};
    if (this.hasAttribute("voice")) parameters.voice = this.getAttribute("voice");
    if (this.hasAttribute("language")) parameters.transcription_language = this.getAttribute("language");
    return {
      url: this.getAttribute("url") ?? undefined,
      microphone: this.getAttribute("microphone") !== "off",
      talk: this.getAttribute("talk") ?? "open",
      getToken: this.getToken ?? (() => this._fetchToken()),
      ...this.options,
      parameters: { ...parameters, ...this.options.parameters },
    };
  }

  async _fetchToken() {
    const answer = await fetch(this.getAttribute("token-url") ?? "/token", { method: "POST" });
    if (!answer.ok) throw new Error(`its address answered with ${answer.status}.`);
    const text = await answer.text();
    return text.trimStart().startsWith("{") ? JSON.parse(text).token : text.trim();
  }

  _status({ state, sentence }) {
    const isRecorded = state === "connected" && this.call.negotiated.recorded;
    this._state.textContent = isRecorded ? `${sentence} This call is recorded.` : sentence;
    if (state === "ended") this.call = null;
    if (state === "ended") this._heardBy.textContent = "";
    this._label();
  }

  _problem({ sentence }) {
    this._state.textContent = sentence;
  }

  /** For as long as it is so. */
  _listening({ active, sentence }) {
    this._heardBy.textContent = active ? sentence : "";
  }

  _error({ sentence }) {
    this._state.textContent = sentence;
  }

  _transcript({ role, itemId, text, final, heardChars = text.length }) {
    if (!text) return;
    const line = this._line(itemId, role);
    const words = make("span", { dir: "auto" }, text.slice(0, heardChars));
    if (heardChars < text.length) words.append(make("s", {}, text.slice(heardChars)));
    line.lastChild.replaceWith(words);
    if (final) this._tell(itemId, `${NAMES[role]}: ${text.slice(0, heardChars)}`);
  }

  _line(itemId, role) {
    if (!this._lines.has(itemId)) {
      const line = make("p", { className: role }, make("span", { className: "who" }, `${NAMES[role]} `), make("span"));
      this._lines.set(itemId, line);
      this._words.append(line);
    }
    return this._lines.get(itemId);
  }

  /** Once for each item, also if it is final again because it was interrupted. */
  _tell(itemId, text) {
    const id = `told-${itemId}`;
    const told = this.shadowRoot.getElementById(id) ?? make("p", { id });
    told.textContent = text;
    if (!told.isConnected) this._told.append(told);
  }
}

if (!customElements.get("parley-call")) customElements.define("parley-call", ParleyCall);
