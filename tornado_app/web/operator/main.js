/** The operator's page: takes a key, and looks again and again for as long as somebody looks at it. */

import { byId, el, say } from "./dom.js";
import { capital, counted, number } from "./figures.js";
import { setUpTheme } from "./theme.js";
import { Administration } from "./asking.js";
import { Bans } from "./bans.js";
import { Calls } from "./calls.js";
import { inks } from "./levels.js";
import { Plots, summed } from "./plots.js";
import { clockTime, midnight, money, wait, whole } from "./words.js";
import { countToday, showWrong } from "./wrong.js";

const LOOK_MS = 1000;
const FIGURES_MS = 10_000;
const AGAIN_MS = 3000;

const plots = new Plots();
/** What is looked at, if somebody has shown a key: everything of one key ends with it. */
let watch = null;

class Watch {
  constructor(key) {
    this._asked = new Administration(key);
    this._bans = new Bans(this._asked);
    this._calls = new Calls(this._asked, () => this._bans.look().catch(() => {}));
    this._figuresAt = -Infinity;
    this._hour = null;
    this.isOver = false;
  }

  /** Raises `Failed` if the key opens nothing. */
  async begin() {
    await this._look();
    this._run();
    this._draw();
  }

  end() {
    this.isOver = true;
    this._calls.end();
  }

  /** Nobody listens any more. */
  hush() {
    this._calls.end();
  }

  /** The figures are of another span from now on. */
  async turn() {
    this._figuresAt = -Infinity;
    await this._look().catch(() => {});
  }

  async _run() {
    while (!this.isOver) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.isOver || document.hidden) continue;
      try {
        await this._look();
        byId("app").removeAttribute("data-lost");
      } catch (error) {
        if (this.isOver) return;
        if (error.status === 401 || error.status === 404) return shut(error.message);
        byId("app").setAttribute("data-lost", "");
        say(byId("state"), `${error.message} Trying again.`);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async _look() {
    await this._calls.look();
    const { limits, missing = [] } = await this._asked.limits();
    if (performance.now() - this._figuresAt >= FIGURES_MS) await this._lookAtFigures();
    if (!this.isOver) this._sum(limits, missing);
  }

  async _lookAtFigures() {
    const span = document.querySelector("[name=span]:checked").value;
    const figures = await this._asked.figures(span);
    this._day = span === "day" ? figures : await this._asked.figures("day");
    await this._bans.look();
    this._figuresAt = performance.now();
    plots.show(figures, span);
    showWrong(this._day);
  }

  /** What it comes to, in a sentence. */
  _sum(limits, missing) {
    const { used, allowed } = limits.find(({ limit }) => limit === "connections");
    const calls = used ? capital(counted(used, "call")) : "Nobody is calling";
    say(byId("state"), `${calls} now`.replace("calling now", "calling"));
    say(byId("sum"), `${calls}.`);
    document.title = `${used ? `${used} · ` : ""}Parley, operator`;
    const today = this._day.steps.filter(({ at }) => at >= midnight(this._day.at));
    const all = summed({ steps: today });
    const wrong = countToday(this._day);
    const since = this._day.began_at > midnight(this._day.at) ? `Since ${clockTime(this._day.began_at)}` : "Today";
    const figure = (text) => el("b", "nb", text);
    const parts = [`${since}, `];
    if (all.waits) parts.push("answers began after ", figure(wait(all.wait)), " on average, of which the gateway took ", figure(wait(all.gateway)), ". ");
    else parts.push("nobody has waited for an answer. ");
    parts.push(wrong ? `${capital(number(wrong))} ${wrong === 1 ? "thing" : "things"} went wrong. ` : "Nothing went wrong. ");
    if (all.cost) parts.push("It cost ", figure(money({ amount: all.cost, currency: this._day.currency })), ". ");
    if (used > 0.8 * allowed) parts.push(`There is room for ${whole(allowed)} calls.`);
    if (missing.length) parts.push(`Of ${counted(missing.length, "process", "processes")} that did not answer nothing is shown.`);
    const lead = byId("lead");
    const text = parts.map((part) => part.textContent ?? part).join("");
    if (lead.textContent !== text) lead.replaceChildren(...parts);
  }

  _draw() {
    const frame = (nowMs) => {
      if (this.isOver) return;
      this._calls.draw(nowMs);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
}

function show(view) {
  byId("app").dataset.view = view;
  for (const element of document.querySelectorAll("[data-in]")) element.hidden = element.dataset.in !== view;
}

/** Forget the key, and say why if there is a reason. */
function shut(sentence = "") {
  watch?.end();
  watch = null;
  show("key");
  byId("app").removeAttribute("data-lost");
  say(byId("state"), "Operator");
  document.title = "Parley, operator";
  byId("door-state").textContent = sentence;
  byId("key-field").focus();
}

async function enter(event) {
  event.preventDefault();
  const input = byId("key-field");
  const key = input.value.trim();
  const started = new Watch(key);
  byId("door-state").textContent = "";
  try {
    // What a header cannot carry is no key.
    if (!/^[\x21-\x7e]+$/.test(key)) throw new Error("This is no key: it has characters that no key has.");
    await started.begin();
  } catch (error) {
    started.end();
    byId("door-state").textContent = error.message;
    input.select();
    return;
  }
  watch?.end();
  watch = started;
  input.value = "";
  show("calls");
  byId("calls-title").focus({ preventScroll: true });
}

setUpTheme(byId("theme"), () => inks.read());
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"]) {
  matchMedia(query).addEventListener("change", () => inks.read());
}
inks.read();
byId("door").addEventListener("submit", enter);
byId("forget").addEventListener("click", () => shut());
byId("span").addEventListener("change", () => watch?.turn());
// The page goes, or is kept by the browser for the way back: nobody listens then.
addEventListener("pagehide", () => watch?.hush());
show("key");
document.documentElement.dataset.ready = "";
