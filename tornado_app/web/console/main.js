/** The console: asks what it is talking to, and puts its parts together. */

import { setUpControls } from "./controls.js";
import { byId, el } from "./dom.js";
import { Lifetime } from "./lifetime.js";
import { Line } from "./line.js";
import { Messages } from "./messages.js";
import { Meters } from "./meters.js";
import { Panels } from "./panels.js";
import { Settings } from "./settings.js";
import { Talk } from "./talk.js";
import { remember, remembered, setUpTheme } from "./theme.js";

const SOUND_TICK_MS = 500;
const KEYS = [["Mute", "M"], ["Interrupt", "Esc"], ["Hold to talk", "Space"], ["Type", "/"]];

const line = new Line();
setUpTheme(byId("theme"), () => line.recolour());

function keySettings() {
  const isOn = remembered().keys !== false;
  const input = el("input", { type: "checkbox", role: "switch", checked: isOn, onchange: () => show(input.checked) });
  const show = (on) => {
    remember({ keys: on });
    byId("app").toggleAttribute("data-no-keys", !on);
  };
  show(isOn);
  input.addEventListener("input", (event) => event.stopPropagation()); // it holds at once
  const facts = KEYS.flatMap(([name, key]) => [el("dt", null, name), el("dd", null, key)]);
  const label = el("label", "switch", "Single keys work everywhere but in fields", input);
  const element = el("section", "group", el("h3", null, "Keys"), el("div", "set", label), el("dl", "facts set", ...facts));
  return { element, isOn: () => input.checked };
}

async function start() {
  const answer = await fetch("/console/about"); // never kept, and on its way since the page's head
  if (!answer.ok) throw new Error(`The gateway answered with ${answer.status}.`);
  const about = await answer.json();
  const keys = keySettings();
  const messages = new Messages();
  const settings = new Settings(about, (changes) => life.configure(changes), keys.element);
  const life = new Lifetime({ about, talk: new Talk(), line, meters: new Meters(), messages, settings });
  const panels = new Panels({ messages: () => messages.opened(), settings: () => life.follow() });
  setUpControls(life, panels, keys.isOn);
  setInterval(() => byId("settings").hidden || settings.sound.tick(), SOUND_TICK_MS);
  document.documentElement.dataset.ready = "";
}

start().catch((error) => {
  byId("state").textContent = "Not connected";
  byId("hero").replaceChildren(
    el("div", "text", el("h1", "title", "The gateway does not answer."), el("p", null, `${error.message} Load this page again when it runs.`)),
  );
});
