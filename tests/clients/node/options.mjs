// What the test has said of the call, and how it is told what happened.
import { readFileSync } from 'node:fs';

const MS_BYTES = 48;
const given = JSON.parse(process.env.PARLEY_CALL);

export const { url, apiKey, baseURL, model } = given;
export const speech = given.speech ? readFileSync(given.speech) : Buffer.alloc(0);

export function silence(ms) {
  return Buffer.alloc(ms * MS_BYTES);
}

/** One line of the story for the test that reads it. */
export function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
