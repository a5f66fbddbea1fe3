/** One call in all its figures. */

import { el } from "./dom.js";
import { clockTime, money, plain, whole } from "./words.js";

const BREAK = " · ";

const format = ({ encoding, rate_hz: rate, channels }) =>
  `${encoding} ${rate / 1000} kHz${channels > 1 ? `, ${channels} channels` : ""}`;

const each = (counts) => Object.entries(counts).map(([name, count]) => `${plain(name)} ${whole(count)}`).join(BREAK);

/** What there is to say of a *call*, by name; nothing is said of what there was none of. */
export function facts(call) {
  const { waiting } = call;
  const rows = [
    ["Since", clockTime(call.opened_at)],
    ["From", call.ip],
    ["Client", call.dialect],
    ["Model", call.model + (call.upstream ? BREAK + call.upstream : "")],
    ["Turns", whole(call.turns) + (call.interruptions ? `${BREAK}interrupted ${whole(call.interruptions)}` : "")],
    ["Heard", `${(call.received_ms / 1000).toFixed(1)} s`],
    ["Answered", `${(call.answered_ms / 1000).toFixed(1)} s`],
    ["Sound", `${format(call.input)} → ${format(call.output)}`],
    ["Tools", call.tool_calls && whole(call.tool_calls) + (call.tool_failures ? `${BREAK}failed ${whole(call.tool_failures)}` : "")],
    ["Tokens", call.tokens && each(call.tokens_by_type)],
    ["Cost", call.cost && money(call.cost) + (call.cost.unpriced ? `${BREAK}${whole(call.cost.unpriced)} without a price` : "")],
    ["Told", call.errors && each(call.errors_by_code)],
    ["Not taken", call.dropped_ms && `${(call.dropped_ms / 1000).toFixed(1)} s`],
    ["Waiting", (waiting.to_model_ms || waiting.to_client_ms) && `${whole(waiting.to_model_ms)} ms to the model${BREAK}${whole(waiting.to_client_ms)} ms to the client`],
    ["Recorded", call.recorded],
    ["Listening", call.listener],
    ["Number", call.session_id],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", null, name), el("dd", null, String(value))]);
}
