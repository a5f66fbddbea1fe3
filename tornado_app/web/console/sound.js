/** The part of the settings that is of this computer: devices, echo, and what is sent how. */

import { el, icon, say } from "./dom.js";
import { remember, remembered } from "./theme.js";

const DEFAULT = "As the computer has it";

export class SoundSettings {
  /** *formats*: the fields that stand among these. */
  constructor(formats) {
    this._microphone = el("select", { id: "set-microphone" });
    this._speaker = el("select", { id: "set-speaker" });
    this._echo = el("input", { type: "checkbox", role: "switch", id: "set-echo", checked: remembered().echo !== false });
    this._facts = new Map(["Sent", "Received", "Kept ready to play"].map((name) => [name, el("dd", null, "–")]));
    this._note = el("p", { class: "hint", role: "status", hidden: true });
    const pick = (label, control) =>
      el("div", "set", el("label", { for: control.id }, label), el("span", "pick", control, icon("down")));
    const facts = [...this._facts].flatMap(([name, figure]) => [el("dt", null, name), figure]);
    this.element = el(
      "section",
      "group",
      el("h3", null, "Sound"),
      pick("Microphone", this._microphone),
      pick("Loudspeaker", this._speaker),
      this._note,
      el("div", "set", el("label", "switch", "Echo cancellation", this._echo)),
      ...formats,
      el("dl", "facts set", ...facts),
    );
    this._microphone.addEventListener("change", () => this._use("useMicrophone", this._microphone.value));
    this._speaker.addEventListener("change", () => this._use("useSpeaker", this._speaker.value));
    this._echo.addEventListener("change", () => remember({ echo: this._echo.checked }));
    navigator.mediaDevices?.addEventListener("devicechange", () => this.look());
    // None of this is of the gateway's: it holds at once, and is not for Apply.
    for (const control of [this._microphone, this._speaker, this._echo]) {
      control.addEventListener("input", (event) => event.stopPropagation());
    }
    this.follow(null);
  }

  /** What the browser is asked for. */
  get constraints() {
    const deviceId = this._microphone.value;
    return { echoCancellation: this._echo.checked, ...(deviceId ? { deviceId: { ideal: deviceId } } : {}) };
  }

  get speaker() {
    return this._speaker.value;
  }

  follow(call) {
    this._call = call;
    const { input, output } = call?.negotiated ?? {};
    const figure = ({ format, rate_hz: hz }) => `${format}, ${hz.toLocaleString("en").replace(/,/g, "\u202f")} Hz`;
    say(this._facts.get("Sent"), input ? `${figure(input)}, 20 ms` : "–");
    say(this._facts.get("Received"), output ? figure(output) : "–");
    this.look();
  }

  /** What changes by itself. */
  tick() {
    const buffered = this._call?.stats.bufferedMs;
    say(this._facts.get("Kept ready to play"), buffered === undefined ? "–" : `${Math.round(buffered)} ms`);
  }

  /** Which devices there are; browsers name them when the microphone was allowed once. */
  async look() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    for (const [control, kind] of [[this._microphone, "audioinput"], [this._speaker, "audiooutput"]]) {
      const chosen = control.value;
      const found = all.filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default");
      const options = found.map(({ deviceId, label }, n) => el("option", { value: deviceId }, label || `Device ${n + 1}`));
      control.replaceChildren(el("option", { value: "" }, DEFAULT), ...options);
      control.value = found.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
    }
  }

  async _use(method, deviceId) {
    this._note.hidden = true;
    if (!this._call) return;
    try {
      await this._call[method](deviceId || "default");
    } catch (error) {
      this._note.textContent = error.message;
      this._note.hidden = false;
    }
  }
}
