/** What the levels of a call mean for the line, the meters and the dot. */

import { about } from "./figures.js";
import { SOUND_DB } from "./meters.js";
import { setLive } from "./views.js";
import { MUTED } from "./words.js";

const NEVER_DB = -120;
const SPEECH_DB = SOUND_DB + 15;
/** So many levels of speech while muted, and the person is told: half a second. */
const MUTED_LEVELS = 8;

export class Loudness {
  /** *calling*: the `Calling` whose levels these are. */
  constructor(calling) {
    this._calling = calling;
    this._mutedFor = 0;
  }

  level({ you: captured, model }) {
    const { call, isTyped, isHeld, holds, line, meters, talk } = this._calling;
    const nowMs = performance.now();
    const isSent = !isTyped && !call.muted && (!isHeld || holds);
    const you = isSent ? captured : NEVER_DB;
    const isLost = call.state === "reconnecting";
    line.level(nowMs, you, model, isLost);
    meters.put(nowMs, { you, model }, this._figures(isLost));
    const live = isLost ? "" : model > SOUND_DB ? "model" : you > SOUND_DB ? "you" : "";
    setLive(live);
    line.name(this._sentence(live, isLost));
    if (call.muted && captured > SPEECH_DB) this._mutedFor++;
    if (this._mutedFor === MUTED_LEVELS) talk.sentence("muted", MUTED);
  }

  /** Muted or not; what was said of it is over. */
  muted() {
    const { call, meters, talk } = this._calling;
    this._mutedFor = 0;
    if (!call.muted) talk.withdraw("muted");
    meters.figures(performance.now(), this._figures(false));
  }

  /** What stands beside the names instead of a level, or behind it. */
  _figures(isLost) {
    const { call, isTyped, isHeld, isStopped, talk } = this._calling;
    const you = call.muted ? { always: "muted" } : { silent: isTyped || isHeld ? "" : "open" };
    if (isLost) you.behind = ", kept";
    const waits = talk.hasRunningTool && "waiting for a tool";
    return { you, model: { silent: waits || (isStopped ? "stopped" : "") } };
  }

  _sentence(live, isLost) {
    const { call, isStopped, waitSentence } = this._calling;
    if (isLost) return `The line is lost. ${about(call.stats.keptMs)} of your speech are kept and not sent yet.`;
    if (live === "you") return isStopped ? "You are speaking. The model stopped when you began." : "You are speaking.";
    if (live === "model") return ["The model is speaking.", waitSentence].filter(Boolean).join(" ");
    return call.muted ? "Both are silent. You are muted." : "Both are silent.";
  }
}
