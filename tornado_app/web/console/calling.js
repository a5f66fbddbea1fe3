/** One call, from its first status to its end: what its events mean for the page. */

import { byId, say } from "./dom.js";
import { about, capital, clock, counted, seconds } from "./figures.js";
import { Loudness } from "./loudness.js";
import { Overheard } from "./overheard.js";
import { Received } from "./received.js";
import { setLine, setLive, setState, show } from "./views.js";
import { isOfWords } from "./settings.js";
import { DROPPED, HELD_BACK, ONLY_WRITTEN, RECORDED, UNWRITTEN, WHAT_TO_DO, kept } from "./words.js";

const TICK_MS = 250;
const LATENCIES = 200;

/** Listens to a call of parley.js and tells the parts of the page. */
export class Calling {
  /**
   * @param call of parley.js
   * @param {{talk, line, meters, facts, modelName: string, isTyped: boolean, onEnd: Function}} page
   */
  constructor(call, page) {
    this.call = call;
    Object.assign(this, page);
    this.said = this.interrupted = 0;
    this.connectedAt = this._lostAt = null;
    this._drops = this._held = 0;
    this._received = new Received();
    this.loudness = new Loudness(this);
    this.latencies = [];
    this.isStopped = this._isUnwrittenTold = this._hasSpoken = false;
    const { talk } = this;
    talk.isWritten = () => call.negotiated?.answers_in === "text";
    const listeners = {
      status: (event) => this._status(event),
      transcript: (event) => this._transcript(event),
      speech: (event) => this._speech(event),
      speaking: (event) => this._speaking(event),
      playback: (event) => talk.played(event),
      playback_ended: (event) => this._playedOut(event),
      goes_on: (event) => talk.goesOn(event),
      latency: (event) => this._latency(event),
      tool: (event) => this._tool(event),
      error: (event) => this._error(event),
      problem: (event) => this._problem(event),
      limit: ({ limit, sentence }) => talk.sentence(limit, { fact: sentence }, true),
      listening: ({ sentence }) => talk.sentence("listening", { fact: sentence }, true),
      level: (event) => this.isConnected && this.loudness.level(event),
    };
    for (const [name, listener] of Object.entries(listeners)) call.on(name, listener);
    const overheard = new Overheard({
      onTool: (event) => this._tool(event),
      onWritten: (itemId, wait) => this._written(itemId, wait),
    });
    call.on("message", (message) => overheard.note(message));
    call.on("audio", (piece) => this._received.note(piece));
    this._timer = setInterval(() => this._tick(), TICK_MS);
  }

  get isConnected() {
    return this.connectedAt !== null;
  }

  get hasSpoken() {
    return this._hasSpoken;
  }

  get isHeld() {
    return this.call.negotiated?.turn_detection === "none" && !this.isTyped;
  }

  /** Whether nothing is answered. */
  get isOfWords() {
    return isOfWords(this.call);
  }

  /** Call or hold, whichever the turns are like. */
  showCall() {
    const view = this.isHeld ? "hold" : "call";
    if (byId("app").dataset.view !== view) show(view);
    byId("app").toggleAttribute("data-typed", this.isTyped);
    byId("app").toggleAttribute("data-words", this.isOfWords);
    const mode = this.isHeld ? "push_to_talk" : "open";
    byId("microphone-mode").querySelector(`[value=${mode}]`).checked = true;
    this._showState();
  }

  // ---- Events

  _status({ state, sentence, attempt, code, closeCode, contextLost, retryInMs }) {
    if (code === "going_away" && state === "connected") return this.talk.sentence(code, { fact: sentence });
    switch (state) {
      case "asking":
        return this.onAsking();
      case "connecting":
        return this.onOpening();
      case "connected":
        return this._connected(contextLost);
      case "reconnecting":
        return this._reconnecting(sentence, attempt, retryInMs);
      case "ended":
        clearInterval(this._timer);
        return this.onEnd({ code, closeCode, sentence, ...this._gaveUp(closeCode) });
      default:
        return undefined;
    }
  }

  /** Of a line that was lost and did not come back. */
  _gaveUp(closeCode) {
    if (this._lostAt === null || closeCode >= 4000) return {};
    const tries = capital(counted(this._attempt ?? 1, "try", "tries"));
    const spent = `${tries}, ${about(performance.now() - this._lostAt)}.`;
    return { sentence: "The connection did not come back.", rest: `${spent} Your words are still here.` };
  }

  _connected(contextLost) {
    const nowMs = performance.now();
    this._showRecorded();
    if (this.connectedAt === null) {
      this.connectedAt = nowMs;
      this.line.begin(nowMs);
      this.meters.clear();
      this.showCall();
      this._tick();
      if (this.isOfWords) this.talk.sentence("words", ONLY_WRITTEN);
      return this.onConnected();
    }
    if (this._lostAt === null) return this._showState();
    const fact = `The line is back after ${about(nowMs - this._lostAt)}.`;
    const lostMs = this.call.stats.droppedMs - this._droppedBefore;
    const lost = lostMs >= 100 && `${about(lostMs)} of what you said are lost; please say it again.`;
    const afresh = contextLost && "The model starts afresh and has forgotten all of this.";
    const rest = [afresh, lost].filter(Boolean).join(" ") || "Nothing was lost; the model remembers what was said.";
    if (!lost) this.line.arrived(this._lostAt);
    this._lostAt = null;
    if (contextLost) this.talk.forget();
    this.talk.sentence("drop", { fact, rest });
    this.talk.settle("drop", `drop ${++this._drops}`);
    setLine("");
    return this._showState();
  }

  /** Before anything is said, and as long as it holds: a session that comes after this one may be another. */
  _showRecorded() {
    const isRecorded = this.call.negotiated?.recorded === true;
    if (isRecorded && byId("recorded").hidden) this.talk.sentence("recorded", RECORDED, true);
    byId("recorded").hidden = !isRecorded;
  }

  _reconnecting(sentence, attempt, retryInMs) {
    if (this.connectedAt === null) return this.onOpening(sentence, attempt, retryInMs);
    if (this._lostAt === null) {
      this._lostAt = performance.now();
      this._droppedBefore = this.call.stats.droppedMs;
      this.talk.sentence("drop", { fact: DROPPED, rest: kept(this.facts.hold_ms) });
      setLine("lost");
      setLive("");
    }
    this._attempt = attempt;
    return this._showState();
  }

  /** Speech that the person begins and ends by hand; the gateway names it when it is over. */
  hold() {
    if (this.holds) return;
    this.holds = true;
    this._heldKey = `held ${++this._held}`;
    this.talk.listen(this._heldKey);
    this.call.hold();
  }

  release() {
    this.holds = false;
    this.call.release();
    this.talk.listened(this._heldKey);
  }

  /** Say *text*, which parley.js tells of at once. */
  type(text) {
    this._isTyping = true;
    this.call.say(text);
    this._isTyping = false;
  }

  _transcript(event) {
    if (event.role === "user" && this._heldKey && !this._isTyping) {
      this.talk.rename(this._heldKey, event.itemId);
      if (event.final) this._heldKey = null;
    }
    if (event.role === "user" && event.final && event.text.trim()) this.said++;
    this.talk.words(event);
    if (event.role === "assistant") this._spoken();
  }

  _speech({ active, itemId }) {
    if (active) {
      this.talk.listen(itemId);
      if (!this.facts.writes_down && !this._isUnwrittenTold) {
        this._isUnwrittenTold = true;
        this.talk.sentence("unwritten", UNWRITTEN);
      }
    } else this.talk.listened(itemId);
  }

  _speaking(event) {
    this.isStopped = false;
    this.talk.withdraw("sound_blocked");
    this.talk.speaking(event);
    this._spoken();
    this.line.turnOver();
  }

  /** The model has spoken: from now on some things are fixed. */
  _spoken() {
    if (this._hasSpoken) return;
    this._hasSpoken = true;
    this.onSpoken();
  }

  _playedOut(event) {
    this.talk.playedOut(event);
    if (event.interrupted) {
      this.interrupted++;
      this.isStopped = true;
      this.line.unheard(performance.now(), this._received.behind(event.itemId, event.heardMs));
    }
    this.line.turnOver();
  }

  _latency(turn) {
    const nowMs = performance.now();
    this._keep(turn);
    this.talk.latency(turn);
    this.line.waited(nowMs - turn.totalMs, nowMs, seconds(turn.totalMs));
    this.waitSentence = `It began ${seconds(turn.totalMs)} after you stopped.`;
  }

  /** The wait for an answer that is read and not heard: until the gateway told of it. */
  _written(itemId, { model_ms: modelMs, gateway_ms: gatewayMs, tools_ms: toolsMs }) {
    const turn = { responseId: itemId, totalMs: modelMs + gatewayMs + (toolsMs ?? 0), modelMs, gatewayMs, toolsMs };
    this._keep(turn);
    this.talk.written(itemId, turn);
  }

  _keep(turn) {
    this.latencies = [...this.latencies.slice(1 - LATENCIES), turn];
  }

  _tool(event) {
    this.talk.tool(event);
  }

  _error({ code, sentence }) {
    if (code === "audio_buffer_empty" && this._heldKey) this.talk.withdraw(this._heldKey);
    this.talk.sentence(`error ${code}`, { fact: sentence, rest: WHAT_TO_DO[code] ?? "" }, true);
  }

  _problem({ kind, sentence }) {
    if (kind === "sound_blocked") this.talk.sentence(kind, HELD_BACK);
    else if (this.isConnected) {
      const [fact, ...rest] = sentence.split(/(?<=\.) /);
      this.talk.sentence(kind, { fact, rest: rest.join(" ") });
    } else this.onMicrophone(kind);
  }

  // ---- Time

  _tick() {
    if (this.connectedAt === null) return;
    const { call, talk } = this;
    const passed = clock(performance.now() - this.connectedAt);
    byId("time").hidden = false;
    say(byId("time").lastElementChild, passed);
    document.title = `${passed} · Parley`;
    byId("interrupt").setAttribute("aria-disabled", String(!call.speaking));
    talk.tick();
    if (this._lostAt !== null && call.stats.keptMs > 0) talk.beside("drop", `${about(call.stats.keptMs)} kept`);
  }

  _showState() {
    const attempt = this._attempt ? `attempt ${this._attempt}` : "";
    if (this._lostAt !== null) setState("Reconnecting", attempt);
    else setState("Connected", this.isOfWords ? "only writes down" : this.modelName);
  }
}
