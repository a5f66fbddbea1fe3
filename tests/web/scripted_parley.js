/**
 * Stands in for /parley.js in tests of the console's states: a call in which nothing happens but
 * what the test says.  `scripted` is the latest one; `scripted.tell(name, event)` is an event of it.
 */

export class CallError extends Error {}

class ScriptedCall {
  constructor(options) {
    Object.assign(this, { options, state: "idle", sessionId: "", muted: false, speaking: false, negotiated: null });
    this.stats = { latencies: [], droppedMs: 0, underruns: 0, bufferedMs: 118, keptMs: 0, reconnects: 0 };
    this.asked = [];
    this._listeners = {};
    this.ready = new Promise(() => {});
    window.scripted = this;
    document.documentElement.dataset.scripted = "";
  }

  on(name, listener) {
    (this._listeners[name] ??= []).push(listener);
    return () => {};
  }

  tell(name, event) {
    if (name === "status") this.state = event.state;
    if (name === "speaking") this.speaking = true;
    if (name === "playback_ended") this.speaking = false;
    for (const listener of this._listeners[name] ?? []) listener(event);
  }

  connected(changes) {
    const sound = { format: "pcm16", channels: 1, encoding: "binary" };
    const input = { ...sound, rate_hz: 48000 };
    const output = { ...sound, rate_hz: 24000 };
    this.negotiated = {
      ...{ input, output, voice: "marin", model: "gpt-realtime-2.1", turn_detection: "server_vad" },
      ...{ session: "realtime", answers_in: "audio", speed: 1, transcription_language: "", max_output_tokens: 4096, ignored: [] },
      ...changes,
    };
    this.tell("status", { state: "connected", sentence: "Connected." });
  }

  async configure(fields) {
    this.asked.push(fields);
    if (this.refusal) throw new CallError(this.refusal);
    this.negotiated = { ...this.negotiated, ...fields };
    return this.negotiated;
  }

  close() {
    this.tell("status", { state: "ended", sentence: "The call has ended." });
  }

  mute(on) {
    this.muted = on;
  }

  levels() {
    return { you: -120, model: -120 };
  }

  say(text) {
    this.asked.push({ say: text });
    this.tell("transcript", { role: "user", itemId: `p${this.asked.length}`, text, final: true, delta: text });
  }

  interrupt() {
    this.asked.push("interrupt");
  }

  hold() {
    this.asked.push("hold");
  }

  release() {
    this.asked.push("release");
  }

  retry() {
    this.asked.push("retry");
  }

  typeOnly() {
    this.asked.push("typeOnly");
  }

  async useMicrophone() {}

  async useSpeaker() {}
}

export const connect = (options) => new ScriptedCall(options);
