/** How things are said here. */

import { seconds } from "./figures.js";

const NBSP = "\u00a0";

export const PERIODS = [["10 minutes", 600], ["an hour", 3600], ["a day", 86_400], ["30 days", 2_592_000]];

/** "1 204", with narrow spaces that do not break. */
export const whole = (count) => String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** "0.0123 USD": two digits that say something, and cents at least. */
export function money({ amount, currency }) {
  const number = Number(amount);
  const digits = number === 0 ? 2 : Math.min(6, Math.max(2, 1 - Math.floor(Math.log10(number))));
  return `${number.toFixed(digits)}${NBSP}${currency}`;
}

/** "0.62 s", and of what is less than that shows that it is little. */
export const wait = (ms) => (ms < 10 ? `under ${seconds(10)}` : seconds(ms));

const sameDay = (one, other) => one.toDateString() === other.toDateString();

/** "14:02", and the day if it is another one. */
export function clockTime(unixMs) {
  const at = new Date(unixMs);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return sameDay(at, new Date()) ? time : `${at.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** When this day began. */
export function midnight(unixMs) {
  const at = new Date(unixMs);
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

const LOG = {
  accepting_rests: "New connections waited, because there were no descriptors",
  answer_audio_broken: "A model’s audio was broken",
  audio_dropped: "Audio of a caller was not taken",
  audio_lost: "Audio was lost with a model",
  audio_worker_failed: "A fault in converting audio",
  audit_failed: "The audit could not be written",
  bans_unreadable: "The list of who is kept out could not be read",
  few_descriptors: "Descriptors are nearly used up",
  file_decoder_ended: "The decoder of files ended",
  handler_failed: "A fault in answering a request",
  issuer_keys_missing: "An identity provider’s keys are missing",
  issuer_keys_stale: "An identity provider did not answer",
  link_stuck: "A link to a model did not end",
  local_model_died: "The model on this computer ended by itself",
  mcp_server_away: "A server of tools was away",
  model_rejects: "The model refuses every call",
  model_unreachable: "The model could not be reached",
  process_died: "A process ended by itself",
  quota_used_up: "A quota was used up",
  recording_failed: "A recording is not whole",
  reload_refused: "Settings that were wrong were not taken",
  response_failed: "An answer failed",
  session_failed: "A call ended by a fault of the gateway",
  shared_away: "Redis did not answer",
  spans_lost: "Traces were lost",
  tool_broke: "A tool broke",
  tool_failed: "A tool failed",
  transcription_failed: "A turn could not be written down",
  upstream_error: "The model reported an error",
  upstream_failed: "A call ended because its model failed",
  upstream_late: "The model did not answer in time",
  upstream_lost: "A link to the model was lost",
  upstream_malformed: "The model said something that cannot be read",
  upstream_out: "An upstream was left out",
  upstream_passed_over: "A call went on to the next upstream",
  upstream_rejected: "The model refused a call",
  usage_lost: "Records of usage were lost",
  usage_unwritten: "Records of usage could not be written",
  visitors_cut: "Connections without a token were cut",
};
const CODES = {
  audio_backlog: "audio came faster than it can be taken",
  ended_by_operator: "an operator ended the call",
  forbidden: "it was not allowed",
  invalid_audio: "audio was not what its format says",
  invalid_json: "a message was no JSON",
  invalid_message: "a message was wrong",
  limit_reached: "a limit was reached",
  origin_denied: "a page of another origin",
  quota_exceeded: "a quota is used up",
  rate_limited: "it was too often",
  server_busy: "the gateway was full",
  token_expired: "the token had expired",
  token_invalid: "the token was no good",
  token_missing: "there was no token",
  token_revoked: "they are kept out",
  unknown_type: "a message of no known type",
  upstream_timeout: "the model did not answer in time",
  upstream_unavailable: "the model was lost",
};

/** "audio input" */
export const plain = (name) => name.replaceAll("_", " ");
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** What it means that this went wrong, in words. */
export function meaning({ of, name }) {
  if (of === "log") return LOG[name] ?? capital(plain(name));
  const why = CODES[name] ?? plain(name);
  return of === "refused" ? `Not let in: ${why}` : `A caller was told: ${why}`;
}
