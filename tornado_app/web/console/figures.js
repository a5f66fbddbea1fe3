/** How numbers are written: two decimals in figures, one in sentences. */

const NBSP = "\u00a0";
const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** "0.94 s" */
export const seconds = (ms) => `${(ms / 1000).toFixed(2)}${NBSP}s`;
/** "3.1 s", in a sentence */
export const about = (ms) => `${(ms / 1000).toFixed(1)}${NBSP}s`;
/** "0:21" */
export function clock(ms) {
  const whole = Math.floor(ms / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const parts = hours ? [hours, String(minutes).padStart(2, "0")] : [minutes];
  return [...parts, String(whole % 60).padStart(2, "0")].join(":");
}
/** "00:18.198" */
export function stamp(ms) {
  const whole = Math.max(0, Math.round(ms));
  const minutes = String(Math.floor(whole / 60_000)).padStart(2, "0");
  return `${minutes}:${((whole % 60_000) / 1000).toFixed(3).padStart(6, "0")}`;
}
/** "−19 dB" */
export const decibels = (db) => `${db < 0 ? "−" : ""}${Math.abs(Math.round(db))}${NBSP}dB`;
/** "38 kB" */
export const size = (bytes) => (bytes < 1000 ? `${bytes}${NBSP}B` : `${Math.round(bytes / 1000)}${NBSP}kB`);
/** "ten", "11" */
export const number = (count) => NUMBERS[count] ?? String(count);
/** "once", "twice", "three times" */
export const times = (count) => ["never", "once", "twice"][count] ?? `${number(count)} times`;
/** "one thing", "ten things" */
export const counted = (count, thing, things = `${thing}s`) => `${number(count)} ${count === 1 ? thing : things}`;
/** "Ten things", to begin a sentence with. */
export const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** "3 minutes 10 seconds" */
export function length(ms) {
  const whole = Math.round(ms / 1000);
  const part = (count, name) => (count ? `${count} ${name}${count === 1 ? "" : "s"}` : "");
  const hours = Math.floor(whole / 3600);
  const parts = [part(hours, "hour"), part(Math.floor(whole / 60) % 60, "minute")];
  if (!hours) parts.push(part(whole % 60, "second"));
  return parts.filter(Boolean).join(" ") || "0 seconds";
}

/** The middle one. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
