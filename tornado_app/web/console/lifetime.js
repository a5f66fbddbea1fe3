/** The page from one call to the next: how calls begin and what is left of them. */

import { connect } from "/parley.js";

import { Calling } from "./calling.js";
import { byId, el, say } from "./dom.js";
import { summary } from "./summary.js";
import { fetchToken } from "./token.js";
import * as views from "./views.js";
import { modelName, refusal } from "./words.js";

export class Lifetime {
  /** @param {{about, talk, line, meters, messages, settings}} parts of the page */
  constructor(parts) {
    Object.assign(this, parts);
    /** The call that runs, if one does. */
    this.calling = null;
    this._pasted = "";
    this._typed = [];
    this.home();
  }

  get inCall() {
    return Boolean(this.calling?.isConnected && this.calling.call.state !== "ended");
  }

  home() {
    views.show("first", views.first(this.about));
    views.setState("Ready", modelName(this.about));
  }

  /** Begin a call; *isTyped*: without a microphone. */
  async begin({ isTyped = false } = {}) {
    if (this.calling || this._isBeginning) return;
    this._isBeginning = true;
    this._clear();
    this._opening();
    try {
      const token = this._pasted || (await fetchToken(this.about.token));
      if (this._isBeginning) this._connect(token, isTyped);
    } catch (problem) {
      if (this._isBeginning) this._stopped(problem);
    } finally {
      this._isBeginning = false;
    }
  }

  /** Begin with a token from a person's hand; with "", with one that is fetched. */
  beginWith(token) {
    this._pasted = token;
    return this.begin();
  }

  /** End the call, or what is on its way to be one. */
  end() {
    this._typed = [];
    if (this.calling) this.calling.call.close();
    else if (this._isBeginning) {
      this._isBeginning = false;
      this.home();
    }
  }

  /** Say *text*, in a call that is begun for it if there is none. */
  type(text) {
    if (this.inCall) return this.calling.type(text);
    this._typed.push(text);
    if (this.calling) return this.calling.call.typeOnly();
    return this.begin({ isTyped: true });
  }

  /** Change what is in force.  Throws what the gateway says against it. */
  async configure(changes) {
    await this.calling.call.configure(changes);
    this.calling?.showCall();
    this.follow();
  }

  /** The settings show what is in force. */
  follow() {
    this.settings.follow(this.inCall ? this.calling.call : null, Boolean(this.calling?.hasSpoken));
  }

  _connect(token, isTyped) {
    // One that was fetched is for one opening; each after it asks again.
    let isFresh = true;
    const getToken = () => {
      const isKept = isFresh || this._pasted;
      isFresh = false;
      return isKept ? token : fetchToken(this.about.token);
    };
    const { settings } = this;
    const call = connect({
      getToken,
      microphone: isTyped ? false : settings.sound.constraints,
      talk: settings.chosen.turn_detection === "none" ? "push_to_talk" : "open",
      parameters: settings.parameters(isTyped),
    });
    const { talk, line, meters, about } = this;
    this.calling = new Calling(call, {
      ...{ talk, line, meters, facts: about, modelName: modelName(about), isTyped },
      onAsking: () => this._asking(),
      onOpening: (...why) => this._opening(...why),
      onConnected: () => this._connected(),
      onSpoken: () => this.follow(),
      onMicrophone: (kind) => views.show("blocked", views.microphone(kind)),
      onEnd: (end) => this._ended(end),
    });
    call.on("message", (message) => this.messages.note(message));
  }

  _clear() {
    this.talk.clear();
    this.line.clear();
    this.messages.clear();
    for (const id of ["time", "recorded"]) byId(id).hidden = true;
  }

  _asking() {
    if (byId("app").dataset.view === "blocked") return;
    views.show("asking", views.asking());
    say(byId("waiting-for"), "Waiting for the browser");
  }

  _opening(sentence, attempt, retryInMs) {
    const again = retryInMs && `It is tried again in ${Math.max(1, Math.round(retryInMs / 1000))} s.`;
    views.show("connecting", sentence ? [el("h1", "title", sentence), again && el("p", null, again)].filter(Boolean) : null);
    say(byId("waiting-for"), "Connecting");
    views.setState("Connecting", attempt ? `attempt ${attempt}` : "");
  }

  _connected() {
    const { settings, talk } = this;
    const { call } = this.calling;
    this.follow();
    if (settings.sound.speaker) call.useSpeaker(settings.sound.speaker).catch(() => {});
    const first = settings.first(call);
    if (Object.keys(first).length) call.configure(first).catch(({ message }) => talk.sentence("first", { fact: message }));
    for (const text of this._typed.splice(0)) this.calling.type(text);
    this.onConnected?.();
  }

  // ---- Ending

  /** Over before it began. */
  _stopped(problem) {
    const found = refusal(problem, this.about);
    this._typed = [];
    views.show(found.view, views.refused(found, () => this.beginWith("")));
    this._leave("Try again");
    byId("save-words").hidden = true;
    (found.view === "refused" ? byId("paste") : byId("again")).focus({ preventScroll: true });
  }

  _ended({ code, closeCode, sentence, rest = "" }) {
    const { calling } = this;
    this.calling = null;
    this.settings.follow(null, false);
    if (!calling.isConnected) {
      this._leave();
      return code ? this._stopped({ code, closeCode, sentence }) : this.home();
    }
    const { stats } = calling.call;
    // What was kept for a line that did not come back is lost with it.
    const lostMs = stats.droppedMs + (code ? stats.keptMs : 0);
    const hero = summary({
      lengthMs: performance.now() - calling.connectedAt,
      ...{ said: calling.said, interrupted: calling.interrupted },
      ...{ latencies: calling.latencies, lostMs, reconnects: stats.reconnects },
    });
    if (code) hero.splice(1, 0, el("p", null, el("b", null, sentence), ` ${rest}`));
    views.show("ended", hero);
    this._leave(code ? "Try again" : "Talk again");
    this.line.end(performance.now());
    byId("again").focus({ preventScroll: true });
    return undefined;
  }

  _leave(again = "Talk again") {
    say(byId("again").lastElementChild, again);
    for (const name of ["data-typed", "data-words"]) byId("app").removeAttribute(name);
    for (const id of ["time", "recorded"]) byId(id).hidden = true;
    document.title = "Parley";
    this.onLeft?.();
  }
}
