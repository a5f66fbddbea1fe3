/** What a person does with buttons and keys. */

import { byId, download, say } from "./dom.js";
import { setUpKeys } from "./keys.js";

const NAMES = { you: "You", model: "Model", page: "Parley" };

/** Connect the controls to *life*, a `Lifetime`; *panels* close before anything else does. */
export function setUpControls(life, panels, areKeysOn) {
  const call = () => life.calling?.call;

  function openTyping(isOpen) {
    if (isOpen && life.calling?.isOfWords) return;
    byId("typing").classList.toggle("open", isOpen);
    byId("keyboard").setAttribute("aria-expanded", String(isOpen));
    byId("app").toggleAttribute("data-typing", isOpen);
    if (isOpen) byId("typing").hidden = false;
    if (isOpen) byId("type").focus();
  }

  function mute() {
    if (!life.inCall || life.calling.isTyped || life.calling.isHeld) return;
    call().mute(!call().muted);
    showMuted(call().muted);
    life.calling.loudness.muted();
  }

  function showMuted(isMuted) {
    const button = byId("mute");
    button.setAttribute("aria-pressed", String(isMuted));
    button.querySelector("use").setAttribute("href", isMuted ? "#mic-off" : "#mic");
    say(button.querySelector("span"), isMuted ? "Muted" : "Mute");
  }

  function interrupt() {
    if (!life.inCall || !call().speaking) return;
    call().interrupt();
  }

  function hold() {
    if (!life.inCall || !life.calling.isHeld) return false;
    life.calling.hold();
    showHeld(true);
    return true;
  }

  function release() {
    if (!life.calling?.holds) return;
    life.calling.release();
    showHeld(false);
  }

  function showHeld(isHeld) {
    const button = byId("hold");
    button.setAttribute("aria-pressed", String(isHeld));
    button.classList.toggle("primary", isHeld);
    say(button.querySelector("span"), isHeld ? "Let go to send" : "Hold to talk");
  }

  async function chooseMode({ target }) {
    release();
    try {
      await life.configure({ turn_detection: target.value === "open" ? life.settings.openTurns : "none" });
    } catch (refused) {
      life.talk.sentence("mode", { fact: refused.message });
      life.calling?.showCall();
    }
  }

  function saveWords() {
    const said = life.talk.rows.filter(({ kind }) => kind in NAMES);
    const lines = said.map(({ kind, text }) => `${NAMES[kind]}: ${text}`);
    download("parley-words.txt", `${lines.join("\n\n")}\n`, "text/plain");
  }

  life.onConnected = () => {
    const { isTyped, isHeld } = life.calling;
    if (isTyped) openTyping(false); // its field is there all the time
    byId(isTyped ? "type" : isHeld ? "hold" : "mute").focus({ preventScroll: true });
  };
  life.onLeft = () => {
    openTyping(false);
    showMuted(false);
    showHeld(false);
  };

  const on = (id, does, event = "click") => byId(id).addEventListener(event, does);
  on("start", () => life.begin());
  on("again", () => life.begin());
  on("end", () => life.end());
  on("cancel", () => life.end());
  on("check", () => call()?.retry());
  on("mute", mute);
  on("interrupt", interrupt);
  on("save-words", saveWords);
  on("save-messages", () => life.messages.save());
  on("type-instead", () => openTyping(true));
  on("keyboard", () => openTyping(byId("keyboard").getAttribute("aria-expanded") !== "true"));
  on("microphone-mode", chooseMode, "change");
  on("typing", (event) => {
    event.preventDefault();
    const text = byId("type").value;
    byId("type").value = "";
    if (text.trim()) life.type(text);
  }, "submit");
  on("pasting", (event) => {
    event.preventDefault();
    const token = byId("paste").value.trim();
    byId("paste").value = "";
    if (token) life.beginWith(token);
  }, "submit");

  for (const event of ["pointerdown", "pointerup", "pointercancel", "lostpointercapture"]) {
    on("hold", (pressed) => {
      if (event !== "pointerdown") return release();
      byId("hold").setPointerCapture(pressed.pointerId);
      return hold();
    }, event);
  }
  // A screen reader presses without holding: the first press begins, the next one ends.
  on("hold", (event) => event.detail === 0 && (life.calling?.holds ? release() : hold()));
  on("hold", (event) => event.preventDefault(), "contextmenu");

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (panels.close()) return;
    if (byId("keyboard").getAttribute("aria-expanded") === "true" && document.activeElement === byId("type")) return openTyping(false);
    if (areKeysOn()) interrupt();
  });
  setUpKeys({
    isOn: areKeysOn,
    onMute: mute,
    onType: () => (byId("typing").checkVisibility?.() ? byId("type").focus() : openTyping(true)),
    onHold: hold,
    onRelease: release,
  });
}
