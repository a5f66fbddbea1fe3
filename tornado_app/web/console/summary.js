/** What a call was like, when it is over. */

import { el, svg } from "./dom.js";
import { counted, length, median, seconds, times } from "./figures.js";

const SHOWN = 30;
const TALLEST_PX = 70;
const PX_PER_S = 44;
const GATEWAY_PX = 2;

/**
 * @param {{lengthMs: number, said: number, interrupted: number, latencies: object[], lostMs: number,
 *   reconnects: number}} call
 */
export function summary(call) {
  const { latencies } = call;
  return [
    el("h1", null, `${length(call.lengthMs)}.`),
    el("p", null, ...sentences(call)),
    ...(latencies.length > 1 ? [waits(latencies.slice(-SHOWN)), caption(latencies)] : []),
  ];
}

function sentences({ said, interrupted, latencies, lostMs, reconnects }) {
  const heard = said ? `You said ${counted(said, "thing")}` : "You said nothing";
  const parts = [`${heard}${interrupted ? ` and interrupted ${times(interrupted)}` : ""}. `];
  const figure = (ms) => el("b", "nb", seconds(ms));
  if (latencies.length === 1) {
    parts.push("The answer began after ", figure(latencies[0].totalMs), ...gatewayPart(latencies, figure), ". ");
  } else if (latencies.length > 1) {
    const totals = latencies.map(({ totalMs }) => totalMs);
    parts.push("Half of the answers began within ", figure(median(totals)), ...gatewayPart(latencies, figure), ". ");
    const slowest = latencies.reduce((a, b) => (b.totalMs > a.totalMs ? b : a));
    if (slowest.toolsMs > 0) parts.push("The slowest waited for tools. ");
  }
  if (reconnects) parts.push(`The line was lost ${times(reconnects)}. `);
  parts.push(lostMs >= 50 ? `${seconds(lostMs)} of sound were lost.` : "No sound was lost.");
  return parts;
}

function gatewayPart(latencies, figure) {
  const known = latencies.map(({ gatewayMs }) => gatewayMs).filter((ms) => ms !== undefined);
  return known.length ? [", of which the gateway took ", figure(median(known))] : [];
}

function waits(latencies) {
  const totals = latencies.map(({ totalMs }) => totalMs);
  const [most, least] = [Math.max(...totals), Math.min(...totals)];
  const scale = Math.min(PX_PER_S, (TALLEST_PX * 1000) / most);
  const item = ({ totalMs, gatewayMs }) => {
    const height = Math.max(4, Math.round((totalMs * scale) / 1000));
    const hasSplit = gatewayMs !== undefined;
    const own = Math.max(GATEWAY_PX, Math.round(((gatewayMs ?? 0) * scale) / 1000));
    const drawing = svg("svg", { height, "aria-hidden": "true" });
    const top = hasSplit ? own + 1 : 0;
    drawing.append(svg("rect", { class: "of-model", y: top, width: 8, height: Math.max(1, height - top) }));
    if (hasSplit) drawing.append(svg("rect", { class: "of-gateway", width: 8, height: own }));
    const name = totalMs === most ? "most" : totalMs === least ? "least" : null;
    return el("li", { class: name }, drawing, el("span", null, (totalMs / 1000).toFixed(2)));
  };
  const kind = latencies.length > 10 ? "waits many" : "waits";
  return el("ol", { class: kind, "aria-label": "Wait before each answer, in seconds" }, ...latencies.map(item));
}

function caption(latencies) {
  const key = (name, kind) => el("span", null, el("i", `key ${kind}`), name);
  const hasSplit = latencies.some(({ gatewayMs }) => gatewayMs !== undefined);
  const split = hasSplit ? [" ", key("model", "m"), " ", key("gateway", "g")] : [];
  return el("p", "caption", el("span", null, "Seconds before each answer"), ...split);
}
