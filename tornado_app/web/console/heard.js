/**
 * How much of an answer's text was heard.
 *
 * The gateway says how long the sound of an item is and the player how much of it was played; what
 * lies between is taken to be spoken evenly, and is cut where a word begins.
 */

const WORD = /\S+\s*/gu;

/** How many characters of *text* were heard when *playedMs* of the *receivedMs* that are there were. */
export function heardCharacters(text, playedMs, receivedMs) {
  if (playedMs <= 0 || receivedMs <= 0) return 0;
  if (playedMs >= receivedMs) return text.length;
  const exact = (text.length * playedMs) / receivedMs;
  let end = 0;
  for (const word of text.matchAll(WORD)) {
    // A word of which half was spoken was heard.
    if (word.index + word[0].trimEnd().length / 2 > exact) break;
    end = word.index + word[0].trimEnd().length;
  }
  return end;
}
