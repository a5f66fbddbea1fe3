/** The figures of the last hour or day, as small plots of bars; the last bar is now. */

import { byId, el, svg } from "./dom.js";
import { clockTime, money, wait, whole } from "./words.js";

const TALL_PX = 56;
const SPANS = {
  hour: { count: 60, stepMs: 60_000, words: "the last hour", each: "Each bar is a minute" },
  day: { count: 48, stepMs: 1_800_000, words: "the last day", each: "Each bar is half an hour" },
};

/** Steps of half an hour out of those of a quarter, and none left out. */
function laidOut(figures, span) {
  const { count, stepMs } = SPANS[span];
  const newest = Math.floor(figures.at / stepMs);
  const bins = Array.from({ length: count }, (_, n) => ({ at: (newest - count + 1 + n) * stepMs, steps: [] }));
  for (const step of figures.steps) bins[count - 1 - (newest - Math.floor(step.at / stepMs))]?.steps.push(step);
  return bins.map(({ steps }) => merged(steps));
}

function merged(steps) {
  const sum = (name) => steps.reduce((all, step) => all + Number(step[name]), 0);
  const waits = sum("waits");
  const mean = (name) => (waits ? steps.reduce((all, step) => all + (step[name] ?? 0) * step.waits, 0) / waits : 0);
  return {
    calls: Math.max(0, ...steps.map(({ calls }) => calls)),
    wait: mean("wait_ms"), gateway: mean("gateway_ms"), waits,
    wrong: sum("wrong"), cost: sum("cost"), tokens: sum("tokens"),
  };
}

/** All of *figures* together: what the sentence at the top says. */
export const summed = (figures) => merged(figures.steps);

function plots(bins, figures, words) {
  const all = summed(figures);
  const most = (name) => Math.max(0, ...bins.map((bin) => bin[name]));
  const hasCost = all.cost > 0;
  const paid = hasCost ? money({ amount: all.cost, currency: figures.currency }) : whole(all.tokens);
  return [
    { title: "Calls at once", figure: whole(most("calls")), unit: "most", value: (bin) => bin.calls },
    { title: "Wait for an answer", figure: all.waits ? wait(all.wait) : "–", unit: "mean", value: (bin) => bin.wait, own: (bin) => bin.gateway,
      more: all.waits ? `, of which the gateway ${wait(all.gateway)}` : "" },
    { title: "Went wrong", figure: whole(all.wrong), value: (bin) => bin.wrong },
    { title: hasCost ? "Cost" : "Tokens", figure: paid, value: (bin) => (hasCost ? bin.cost : bin.tokens) },
  ].map((plot) => ({ ...plot, name: `${plot.title} in ${words}: ${[plot.figure, plot.unit].filter(Boolean).join(" ")}${plot.more ?? ""}` }));
}

export class Plots {
  constructor() {
    this._shown = null;
    new ResizeObserver(() => this._draw()).observe(byId("plots"));
  }

  show(figures, span) {
    this._shown = { figures, span };
    this._draw();
  }

  _draw() {
    if (!this._shown) return;
    const { figures, span } = this._shown;
    const { words, each } = SPANS[span];
    const bins = laidOut(figures, span);
    const place = byId("plots");
    if (place.children.length !== 4) place.replaceChildren(...Array.from({ length: 4 }, () => el("figure", null)));
    plots(bins, figures, words).forEach((plot, at) => draw(place.children[at], bins, plot));
    const key = (name, kind) => el("span", null, el("i", `key ${kind}`), name);
    const since = figures.began_at > figures.at - SPANS[span].count * SPANS[span].stepMs ? ` Counted since ${clockTime(figures.began_at)}, when this process began.` : "";
    byId("plots-caption").replaceChildren(`${each}; the last is now.${since} `, key("model", "of-model"), key("gateway", "of-gateway"));
  }
}

function draw(figure, bins, { title, figure: value, unit, name, value: of, own }) {
  const width = figure.clientWidth;
  if (!width) return;
  const pitch = Math.max(2, Math.floor(width / bins.length));
  const wide = Math.max(1, pitch - (pitch > 3 ? 2 : 1));
  const drawn = svg("svg", { width, height: TALL_PX + 1, role: "img", "aria-label": name });
  drawn.append(svg("rect", { class: "axis", x: 0, y: TALL_PX, width, height: 1 }));
  const most = Math.max(...bins.map(of)) || 1;
  bins.forEach((bin, at) => {
    if (!of(bin)) return;
    const tall = Math.max(2, Math.round((of(bin) / most) * TALL_PX));
    const part = own ? Math.max(1, Math.round((own(bin) / most) * TALL_PX)) : 0;
    const x = width - (bins.length - at) * pitch;
    drawn.append(svg("rect", { class: own ? "of-model" : "of-all", x, y: TALL_PX - tall + part, width: wide, height: Math.max(1, tall - part) }));
    if (part) drawn.append(svg("rect", { class: "of-gateway", x, y: TALL_PX - tall, width: wide, height: part }));
  });
  figure.replaceChildren(el("figcaption", null, title, el("span", null, el("b", "nb", value), unit && ` ${unit}`)), drawn);
}
