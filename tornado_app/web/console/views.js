/** The states of the page: what is shown in each, and the sentence that stands large. */

import { byId, el, say } from "./dom.js";
import { MICROPHONE, whoAnswers } from "./words.js";

const IN_CALL = new Set(["call", "hold"]);
const STATES = {
  first: "Ready",
  asking: "Asking the browser",
  connecting: "Connecting",
  call: "Connected",
  hold: "Connected",
  refused: "Not connected",
  blocked: "Not connected",
  failed: "Not connected",
  ended: "Call ended",
};

/** Show the page in the state *view*, with the elements *hero* as its large sentence. */
export function show(view, hero) {
  const app = byId("app");
  app.dataset.view = view;
  for (const element of document.querySelectorAll("[data-in]")) {
    element.hidden = !element.dataset.in.split(" ").includes(view);
  }
  app.toggleAttribute("data-broken", ["refused", "blocked", "failed"].includes(view));
  setLine("");
  setLive("");
  const section = byId("hero");
  section.hidden = IN_CALL.has(view) || !hero;
  section.replaceChildren(...(hero ? [el("div", "text", ...hero)] : []));
  byId("log").hidden = !IN_CALL.has(view) && view !== "connecting";
  byId("stage").classList.toggle("large", !section.hidden);
  if (!section.hidden) byId("stage").scrollTop = 0;
  setState(STATES[view]);
}

export const setState = (words, more = "") => {
  say(byId("state"), words);
  say(byId("more"), more);
  byId("more").hidden = !more;
};

/** "" or "lost". */
export const setLine = (line) => (byId("app").dataset.line = line);
/** Who is heard: "", "you" or "model". */
export const setLive = (live) => (byId("app").dataset.live = live);

export const first = (about) => [
  el("h1", null, "Say something."),
  el("p", null, `Press the button and speak as you would on the phone. ${whoAnswers(about)}`),
  el("p", null, "Try ", el("q", null, "What time is it?"), " or ", el("q", null, "What is twelve times seven?")),
];

export const asking = () => [
  el("h1", null, "May Parley hear you?"),
  el(
    "p",
    null,
    ...["Your browser is asking. Choose ", el("b", null, "Allow"), ", and the call begins. "],
    "The microphone is on only during a call, and this page shows when.",
  ),
];

export function microphone(kind) {
  const { title, lead, steps } = MICROPHONE[kind];
  const bold = (parts) => parts.map((part, n) => (n % 2 ? el("b", null, part) : part));
  const list = steps?.map((parts) => el("li", null, el("span", null, ...bold(parts))));
  return [el("h1", "title", title), el("p", null, lead), list && el("ol", "steps", ...list)].filter(Boolean);
}

/** *onAskAgain* is called if the person wants another token. */
export function refused({ title, paragraphs, canAskAgain, figure }, onAskAgain) {
  const link = canAskAgain && el("button", { type: "button", class: "link", onclick: onAskAgain }, "ask the issuer again");
  const written = paragraphs.map((parts) => el("p", null, ...parts));
  if (link) written.at(-1).append(link, ".");
  return [el("h1", "title", title), ...written, figure && el("p", "num", figure)].filter(Boolean);
}
