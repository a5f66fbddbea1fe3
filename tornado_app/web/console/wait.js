/** How long an answer was waited for, and for whom. */

import { el, svg } from "./dom.js";
import { seconds } from "./figures.js";

const PX_PER_S = 100;
const MOST_PX = 160;
const HEIGHT_PX = 5;
const WAY_SHOWN_MS = 50;

/** The parts of a wait, in the order in which they are drawn: [name, ms, class]. */
export function parts({ totalMs, modelMs, gatewayMs, toolsMs, wayMs }) {
  if (modelMs === undefined || gatewayMs === undefined) return [];
  const found = [
    ["tools", toolsMs ?? 0, "of-tool"],
    ["model", modelMs, "of-model"],
    ["gateway", gatewayMs, "of-gateway"],
    ["way", wayMs ?? totalMs - modelMs - gatewayMs - (toolsMs ?? 0), "of-way"],
  ];
  return found.filter(([name, ms]) => (name === "tools" ? ms > 0 : name !== "way" || ms > WAY_SHOWN_MS));
}

/** What stands beside an answer: the sum, and while it is the present one how it splits. */
export function wait(turn) {
  const split = parts(turn);
  const sum = el("b", null, seconds(turn.totalMs));
  if (!split.length) return [sum];
  const figures = split.map(([name, ms]) => `${name} ${(ms / 1000).toFixed(2)}`);
  // At most two in a line of the side column; a phone has one line.
  const lines = [figures.slice(0, -2), figures.slice(-2)].filter((line) => line.length);
  const words = lines.map((line) => el("span", null, line.join(" · ")));
  return [sum, bar(split), el("span", "split", ...words)];
}

function bar(split) {
  const total = split.reduce((sum, [, ms]) => sum + ms, 0);
  const scale = Math.min(PX_PER_S / 1000, MOST_PX / Math.max(total, 1));
  const drawing = svg("svg", { class: "split", "aria-hidden": "true" });
  let x = 0;
  for (const [, ms, kind] of split) {
    const width = Math.max(2, ms * scale);
    drawing.append(svg("rect", { class: kind, x: x.toFixed(1), width: width.toFixed(1), height: HEIGHT_PX }));
    x += width + 1;
  }
  drawing.style.setProperty("--drawn", `${Math.ceil(x)}px`);
  return drawing;
}
