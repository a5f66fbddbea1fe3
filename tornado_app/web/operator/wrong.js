/** What went wrong since midnight: in words, how often, when. */

import { byId, el, say, svg } from "./dom.js";
import { clockTime, meaning, midnight, whole } from "./words.js";

const QUARTER_MS = 900_000;
const QUARTERS = 96;
const TALL_PX = 20;

/** What there was of it today, and how much. */
function ofToday({ wrong, at }) {
  const from = midnight(at);
  return wrong
    .map((each) => ({ ...each, times: each.times.filter((time) => time.at + QUARTER_MS > from) }))
    .map((each) => ({ ...each, count: each.times.reduce((sum, { count }) => sum + count, 0) }))
    .filter(({ count }) => count);
}

const RANK = { error: 0, warning: 1 };
const rank = ({ of, level }) => (of === "log" ? RANK[level] : of === "refused" ? 2 : 3);

/** How many of it a person has to know of: errors that clients were told are told twice. */
export const countToday = (figures) =>
  ofToday(figures).filter(({ of }) => of !== "told").reduce((sum, { count }) => sum + count, 0);

export function showWrong(figures) {
  const found = ofToday(figures).sort((one, other) => rank(one) - rank(other) || other.last_at - one.last_at);
  const list = byId("wrong");
  const shown = JSON.stringify([found, midnight(figures.at)]);
  if (shown !== list.dataset.shown) list.replaceChildren(...found.map((each) => row(each, figures.at)));
  list.dataset.shown = shown;
  const since = Math.max(midnight(figures.at), figures.began_at);
  const none = byId("wrong-none");
  none.hidden = found.length > 0;
  say(none, `Nothing, since ${clockTime(since)}.`);
}

function row(wrong, nowMs) {
  const from = midnight(nowMs);
  const most = Math.max(...wrong.times.map(({ count }) => count));
  const drawing = svg("svg", { viewBox: `0 0 ${QUARTERS * 2} ${TALL_PX + 1}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  drawing.append(svg("rect", { class: "axis", y: TALL_PX, width: QUARTERS * 2, height: 1 }));
  for (const { at, count } of wrong.times) {
    const tall = Math.max(3, Math.round((count / most) * TALL_PX));
    drawing.append(svg("rect", { class: "of-all", x: 2 * Math.max(0, Math.floor((at - from) / QUARTER_MS)), y: TALL_PX - tall, width: 2, height: tall }));
  }
  const kind = wrong.level === "error" ? "fault" : null;
  return el("li", kind, el("div", "what", el("span", null, meaning(wrong)), el("code", null, wrong.name)), drawing,
    el("b", "num", `${whole(wrong.count)}×`), el("span", "num", el("span", "vh", "last at "), clockTime(wrong.last_at)));
}
