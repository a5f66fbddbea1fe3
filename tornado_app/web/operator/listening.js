/** To hear one call while it runs: its sound is played as it is fetched, its words are handed on. */

const ASK_MS = 500;
const AGAIN_MS = 1500;
/** So much is kept ready to be played, for answers that come late. */
const AHEAD_S = 0.4;
const FULL_SCALE = 32_768;

export class Listening {
  /** *on*: `words(list)`, `lost(ms)`, and `over(sentence)` once, when there is nothing more to hear. */
  constructor(asked, sessionId, on) {
    this._asked = asked;
    this.sessionId = sessionId;
    this._on = on;
    this._after = undefined;
    this._isOver = false;
    this._playsUntil = 0;
    this.beganAt = performance.now();
  }

  /** Raises `Failed`, if this call may not be listened to. */
  async begin(reason) {
    // Made while a key is pressed: else a browser plays nothing.
    this._context = new AudioContext();
    try {
      const { rate_hz: rate } = await this._asked.listen(this.sessionId, reason);
      this._rate = rate;
    } catch (error) {
      this._close();
      throw error;
    }
    this._run();
  }

  /** Nothing is played any more, and the caller is told; also when the page goes. */
  end() {
    if (this._isOver) return;
    this._close();
    this._asked.endListening(this.sessionId).catch(() => {});
  }

  _close() {
    this._isOver = true;
    this._context.close();
  }

  async _run() {
    while (!this._isOver) {
      let waitMs = ASK_MS;
      try {
        await this._hear();
      } catch (error) {
        if (this._isOver) return;
        if (error.status === 404 || error.status === 403 || error.status === 401) return this._over(error.message);
        waitMs = AGAIN_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async _hear() {
    const heard = await this._asked.hear(this.sessionId, this._after);
    if (this._isOver) return;
    this._after = heard.until;
    if (heard.words.length) this._on.words(heard.words);
    if (heard.lost_ms) this._on.lost(heard.lost_ms);
    this._play(heard);
    if (heard.is_over) this._over("");
  }

  _over(sentence) {
    this._close();
    this._on.over(sentence);
  }

  /** Both sides as one, behind what is played already. */
  _play({ from, until, user, model }) {
    const length = Math.round(((until - from) * this._rate) / 1000);
    if (!length) return;
    const buffer = this._context.createBuffer(1, length, this._rate);
    const samples = buffer.getChannelData(0);
    for (const side of [user, model]) if (side) add(samples, side);
    const source = this._context.createBufferSource();
    source.buffer = buffer;
    source.connect(this._context.destination);
    const now = this._context.currentTime;
    // Too late: there is a gap; too early: what was late has piled up, and is let go.
    if (this._playsUntil < now || this._playsUntil > now + 3 * AHEAD_S + length / this._rate) this._playsUntil = now + AHEAD_S;
    source.start(this._playsUntil);
    this._playsUntil += length / this._rate;
  }
}

function add(samples, text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const sound = new DataView(bytes.buffer);
  const count = Math.min(samples.length, bytes.length >> 1);
  for (let at = 0; at < count; at++) samples[at] += sound.getInt16(2 * at, true) / FULL_SCALE;
}
