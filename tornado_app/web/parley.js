/**
 * A call to Parley, from a web page or from Node 22: one file, no dependency.
 *
 *     import { connect } from "https://gateway.example.com/parley.js";
 *     const call = connect({ getToken: () => fetch("/token").then((answer) => answer.text()) });
 *     call.on("transcript", ({ role, text }) => console.log(role, text));
 *
 * A page loads it twice, as a module and as its worklets, so that a Content-Security-Policy needs
 * one address.  What everything means is in parley.d.ts and docs/clients.md.  Times are
 * milliseconds, rates hertz, samples mono floats of full scale 1.
 */

const CHUNK_MS = 20;
const REPORT_MS = 64;
const KEPT_MS = 15_000;
const AT_ONCE_MS = 8_000;
const LOOK_MS = 10_000; // longer than any pause of a line that lives
const LATE_MS = 15_000;
const AHEAD_MS = 300_000;
const ORDERS = 64;
const SENT = 512;
const SILENCE_DB = -120;
// What a subprotocol may be made of.
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;

const now = () => performance.now();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = (low, value, high) => Math.max(low, Math.min(high, value));

// ---- Samples ----

const level = (sum, count) => (sum ? Math.max(SILENCE_DB, 10 * Math.log10(sum / count)) : SILENCE_DB);

/** Level of *samples* in dB of full scale. */
export const dbfs = (samples) => level(samples.reduce((sum, sample) => sum + sample * sample, 0), samples.length);

// G.711: the sign, three bits of exponent, four of mantissa.
const muLaw = (byte) => {
  const size = ((((~byte & 15) << 3) + 132) << ((~byte >> 4) & 7)) - 132;
  return (byte & 128 ? size : -size) / 32768;
};
const aLaw = (byte) => {
  const shift = ((byte ^ 0x55) >> 4) & 7;
  const size = (((byte ^ 0x55) & 15) << 4) + (shift ? 264 : 8);
  return (byte & 128 ? 1 : -1) * (size << Math.max(0, shift - 1)) / 32768;
};

/** The byte that *law* reads as what is nearest to a sample. */
const nearest = (law) => {
  const bytes = [...Array(256).keys()].sort((a, b) => law(a) - law(b));
  return (sample) => {
    let [low, high] = [0, 255];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (law(bytes[middle]) > sample) high = middle;
      else low = middle;
    }
    return bytes[sample - law(bytes[low]) < law(bytes[high]) - sample ? low : high];
  };
};

/** How samples stand on the wire, which is little-endian as is every device that has a browser. */
const FORMATS = {
  pcm16: [Int16Array, (value) => value / 32768, (sample) => Math.round(between(-1, sample, 1) * 32767)],
  float32: [Float32Array, (value) => value, (sample) => sample],
  pcmu: [Uint8Array, muLaw, nearest(muLaw)],
  pcma: [Uint8Array, aLaw, nearest(aLaw)],
};

export const decode = (buffer, format) => Float32Array.from(new FORMATS[format][0](buffer), FORMATS[format][1]);

export const encode = (samples, format) => FORMATS[format][0].from(samples, FORMATS[format][2]).buffer;

// ---- Reading at any rate ----

const HALF = 12;
const TAPS = 2 * HALF;
const PHASES = 128;

/** A sinc under a Blackman window, for PHASES places between two samples; *cutoff* 1: half the rate. */
function makeKernel(cutoff) {
  const rows = new Float32Array((PHASES + 1) * TAPS);
  for (let phase = 0; phase <= PHASES; phase++) {
    const row = rows.subarray(phase * TAPS, (phase + 1) * TAPS);
    row.forEach((_, tap) => {
      const x = tap - HALF + 1 - phase / PHASES;
      const angle = (Math.PI * x) / HALF;
      const window = Math.abs(x) < HALF ? 0.42 + 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle) : 0;
      row[tap] = window * (x ? Math.sin(Math.PI * cutoff * x) / (Math.PI * x) : cutoff);
    });
    const sum = row.reduce((all, tap) => all + tap);
    row.forEach((tap, n) => (row[n] = tap / sum));
  }
  return rows;
}

/** A ring of samples that is read at any rate, which may change from sample to sample. */
class Tape {
  constructor() {
    this._ring = new Float32Array(1 << 14);
    this._mask = this._ring.length - 1;
    this.written = this.position = 0;
    this.pitch(1);
  }

  /** *step* is how many samples one reading will move on. */
  pitch(step) {
    const cutoff = Math.abs(step - 1) < 0.01 ? 1 : Math.min(1, 1 / step) * 0.94;
    if (cutoff !== this._cutoff) this._kernel = makeKernel((this._cutoff = cutoff));
  }

  get left() {
    return this.written - this.position;
  }

  get room() {
    return this._ring.length - TAPS - Math.max(0, Math.ceil(this.left));
  }

  /** Take as many of *samples* as there is room for; how many. */
  write(samples, from) {
    const count = Math.min(samples.length - from, this.room);
    for (let n = 0; n < count; n++) this._ring[this.written++ & this._mask] = samples[from + n];
    this.cut(Infinity);
    return count;
  }

  /** Forget all that is more than *ahead* samples away; behind the end is silence. */
  cut(ahead) {
    this.written = Math.min(this.written, Math.max(0, Math.ceil(this.position + ahead)));
    for (let n = 0; n < HALF; n++) this._ring[(this.written + n) & this._mask] = 0;
  }

  /** The sample at the position, which moves on by *step*. */
  read(step) {
    const base = Math.floor(this.position);
    const phase = (this.position - base) * PHASES;
    const row = Math.floor(phase);
    let sum = 0;
    for (let tap = 0, at = row * TAPS; tap < TAPS; tap++, at++) {
      const here = this._kernel[at];
      sum += this._ring[(base - HALF + 1 + tap) & this._mask] * (here + (phase - row) * (this._kernel[at + TAPS] - here));
    }
    this.position += step;
    return sum;
  }
}

/** A function that makes a stream of samples one at another rate. */
export function converter(fromHz, toHz) {
  const step = fromHz / toHz;
  const tape = new Tape();
  tape.pitch(step);
  return (samples) => {
    if (step === 1) return samples;
    const out = [];
    for (let from = 0; from < samples.length; ) {
      from += tape.write(samples, from);
      while (tape.left > HALF) out.push(tape.read(step));
    }
    return Float32Array.from(out);
  };
}

// ---- What is played ----

const MARGIN_MS = 10;
const LEAST_MS = 40;
const FADE_MS = 4;
const WINDOW_MS = 5_000;
const FAST_MS = 500;
const MOST_DRIFT = 0.002;

/**
 * Answers, between the network and the loudspeaker.  No clock of its own: `nowMs` is an argument.
 *
 * The first piece waits *waitMs*, and then whatever comes up to that much later than the pace of
 * speech is covered.  "auto" waits from 40 ms up to *mostMs*: as long as would have been enough so
 * far.  A stream that comes at the pace of speech by another clock is followed by playing up to
 * 0.2 % faster or slower, which nobody hears.
 */
export class JitterBuffer {
  constructor({ rateHz, waitMs = "auto", mostMs = 300 }) {
    this._rateHz = rateHz;
    this._isAuto = waitMs === "auto";
    this._mostMs = Math.max(LEAST_MS, mostMs);
    this.waitMs = this._isAuto ? LEAST_MS : waitMs + MARGIN_MS;
    this._tape = new Tape();
    /** @type {Piece[]} */
    this._queue = [];
    this._queuedMs = 0;
    this._taken = 0;
    this._marks = [];
    this._events = [];
    this._gain = 0;
    this._rest();
  }

  /** What has happened since it was last asked: `started`, `ended`, `underrun`. */
  events() {
    return this._events.splice(0);
  }

  get bufferedMs() {
    return this._queuedMs + (1000 * Math.max(0, this._tape.left)) / (this._marks[0]?.rateHz ?? this._rateHz);
  }

  /** The item at the loudspeaker, and how much of it was played; null: none. */
  get now() {
    const mark = this._marks[0];
    if (!mark?.started) return null;
    const samples = Math.min(this._tape.position, this._tape.written) - mark.at;
    return { itemId: mark.itemId, playedMs: mark.offsetMs + (1000 * Math.max(0, samples)) / mark.rateHz };
  }

  /** Take a *piece* of an answer; false: so much is waiting that it was left out. */
  push(piece, nowMs) {
    const lengthMs = (1000 * piece.samples.length) / piece.rateHz;
    if (!lengthMs) return true;
    if (this.bufferedMs + lengthMs > AHEAD_MS) return false;
    this._judge(piece, nowMs, lengthMs);
    this._queue.push(piece);
    this._queuedMs += lengthMs;
    this._isWhole = false;
    return true;
  }

  /** Nothing more comes of what was pushed. */
  end() {
    this._isWhole = true;
    if (!this.bufferedMs) this._finish();
  }

  /** Throw away what is queued, behind a fade of some milliseconds. */
  flush() {
    this._queue = [];
    this._queuedMs = this._taken = 0;
    if (!this._fades) this._tape.cut(this._playing ? (FADE_MS / 1000) * (this._marks[0]?.rateHz ?? 0) : 0);
    this._fades = this._playing;
    this._marks.length = 0;
    this._isWhole = true;
    this._first = this._emptyAt = null;
    if (!this._playing) this._rest();
  }

  /** Fill *out* with what is to be heard from *nowMs* on. */
  pull(out, nowMs) {
    this._fill();
    if (!this._playing && !this._mayStart(nowMs)) return out.fill(0);
    this._playing = true;
    this._pass();
    const fade = (FADE_MS / 1000) * this._rateHz;
    for (let n = 0; n < out.length; n++) {
      const left = this._tape.left / this._step;
      if (left <= 0) {
        out.fill(0, n);
        this._runOut(nowMs);
        break;
      }
      this._gain = Math.min(left / fade, this._gain + 1 / fade, 1);
      out[n] = this._tape.read(this._step) * this._gain;
    }
    return out;
  }

  _rest() {
    this._playing = this._isWhole = this._fades = false;
    this._first = null; // when the first piece came, and how much came in all since
    this._emptyAt = null;
    this._needed = 0;
    this._step = 1;
    this._follow();
  }

  _follow() {
    this._drift = this._ratio = 0;
    this._window = null;
  }

  /** How late a piece is, and how far ahead of the loudspeaker. */
  _judge(piece, nowMs, lengthMs) {
    if (!this._first) this._first = { at: nowMs, ms: 0, resumed: nowMs, waitMs: this.waitMs };
    if (this._emptyAt !== null) {
      if (piece.itemId === this._emptyItem) {
        this._events.push({ type: "underrun", ms: nowMs - this._emptyAt });
      } else {
        this._finish();
        this._first = { at: nowMs, ms: 0, waitMs: this.waitMs };
      }
      this._first.resumed = nowMs;
      this._first.waitMs = Math.min(this.waitMs, LEAST_MS);
      this._emptyAt = null;
    }
    this._needed = Math.max(this._needed, nowMs - this._first.at - this._first.ms);
    this._first.ms += lengthMs / (1 + this._ratio);
    if (this._isAuto) this.waitMs = Math.max(this.waitMs, Math.min(this._needed + MARGIN_MS, this._mostMs));
    if (this._playing) this._steer(nowMs);
  }

  /** Keep the piece that was fastest, of some seconds, `waitMs` ahead of the loudspeaker. */
  _steer(nowMs) {
    const window = (this._window ??= { at: nowMs, most: 0 });
    window.most = Math.max(window.most, this.bufferedMs);
    if (nowMs - window.at < WINDOW_MS) return;
    const error = window.most - this.waitMs;
    this._window = { at: nowMs, most: 0 };
    if (error > FAST_MS) return this._follow(); // it comes faster than speech: nothing to follow
    this._drift = between(-MOST_DRIFT, this._drift + 4e-6 * error, MOST_DRIFT);
    this._ratio = between(-MOST_DRIFT, this._drift + 4e-5 * error, MOST_DRIFT);
  }

  _mayStart(nowMs) {
    if (!this.bufferedMs) return false;
    return this._isWhole || nowMs >= this._first.resumed + this._first.waitMs;
  }

  /** Move pieces onto the tape; what comes behind a flush is no part of what fades. */
  _fill() {
    if (this._fades) return;
    while (this._queue.length && this._tape.room > 0) {
      const piece = this._queue[0];
      const last = this._marks.at(-1);
      if (!this._taken && (last?.itemId !== piece.itemId || last.rateHz !== piece.rateHz)) {
        this._marks.push({ ...piece, samples: null, at: this._tape.written, started: false });
      }
      const count = this._tape.write(piece.samples, this._taken);
      this._taken += count;
      this._queuedMs = Math.max(0, this._queuedMs - (1000 * count) / piece.rateHz);
      if (this._taken < piece.samples.length) return;
      this._queue.shift();
      this._taken = 0;
      if (!this._queue.length) this._queuedMs = 0;
    }
  }

  /** Which item is at the loudspeaker, and the step that its rate needs. */
  _pass() {
    while (this._marks.length > 1 && this._marks[1].at <= this._tape.position) this._leave(this._marks[1].itemId);
    const mark = this._marks[0];
    if (!mark) return;
    if (!mark.started) {
      mark.started = true;
      this._tape.pitch(mark.rateHz / this._rateHz);
      if (!mark.goesOn) this._events.push({ type: "started", itemId: mark.itemId, responseId: mark.responseId });
    }
    this._step = (mark.rateHz / this._rateHz) * (1 + (this._isWhole ? 0 : this._ratio));
  }

  _leave(nextId) {
    const mark = this._marks.shift();
    if (nextId === mark.itemId) this._marks[0].goesOn = true; // the same at another rate
    else this._events.push(ended(mark, (this._marks[0]?.at ?? this._tape.written) - mark.at));
  }

  _runOut(nowMs) {
    this._playing = false;
    this._gain = 0;
    this._tape.position = this._tape.written;
    if (this._fades && this._queue.length) {
      this._fades = false;
      return this._follow();
    }
    if (this._isWhole) return this._finish();
    this._emptyAt = nowMs;
    this._emptyItem = this._marks.at(-1)?.itemId;
    this._window = null;
  }

  /** What was pushed has been played to its end. */
  _finish() {
    while (this._marks.length) this._leave(this._marks[1]?.itemId);
    if (this._isAuto && this._first) {
      const enough = Math.max(LEAST_MS, this._needed + MARGIN_MS);
      if (enough < this.waitMs) this.waitMs -= (this.waitMs - enough) / 8;
    }
    this._rest();
  }
}

const ended = (mark, samples) => ({
  type: "ended",
  itemId: mark.itemId,
  playedMs: mark.offsetMs + (1000 * samples) / mark.rateHz,
});

/** A jitter buffer, told by messages what to do, that reports what it does. */
class Playout {
  constructor(rateHz, options, post) {
    this._buffer = new JitterBuffer({ ...options, rateHz });
    this._rateHz = rateHz;
    this._post = post;
    this._epoch = this._sum = this._count = 0;
  }

  take({ push, end, flush }, nowMs) {
    if (push && !this._buffer.push(push, nowMs)) this._post({ leftOut: push });
    if (end) this._buffer.end();
    if (!flush) return;
    this._buffer.flush();
    this._epoch = flush; // what is reported from now on is of what comes after it
  }

  render(out, nowMs) {
    this._buffer.pull(out, nowMs);
    for (const sample of out) this._sum += sample * sample;
    this._count += out.length;
    const events = this._buffer.events();
    const isDue = this._count * 1000 >= REPORT_MS * this._rateHz;
    if (!isDue && !events.length) return;
    const { now, bufferedMs, waitMs } = this._buffer;
    this._post({ epoch: this._epoch, events, now, bufferedMs, waitMs, level: level(this._sum, this._count) });
    if (isDue) this._sum = this._count = 0;
  }
}

// ---- Worklets ----

if (typeof registerProcessor === "function") {
  registerProcessor("parley-playout", class extends AudioWorkletProcessor {
    constructor({ processorOptions }) {
      super();
      this._playout = new Playout(sampleRate, processorOptions, (report) => this.port.postMessage(report));
      this.port.onmessage = ({ data }) => this._playout.take(data, currentTime * 1000);
    }

    process(_, [[out]]) {
      this._playout.render(out, currentTime * 1000);
      return true;
    }
  });

  registerProcessor("parley-microphone", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this._chunk = new Float32Array(Math.round((sampleRate * CHUNK_MS) / 1000));
      this._filled = 0;
      this.port.onmessage = () => {
        this._give();
        this.port.postMessage(null); // what was said before is all there
      };
    }

    process([[heard = []]]) {
      for (const sample of heard) {
        this._chunk[this._filled++] = sample;
        if (this._filled === this._chunk.length) this._give();
      }
      return true;
    }

    _give() {
      const samples = this._chunk.slice(0, this._filled);
      this._filled = 0;
      this.port.postMessage(samples, [samples.buffer]);
    }
  });
}

/** The worklet's part where there is no loudspeaker: answers pass at the pace of speech, unheard. */
class Quiet {
  constructor(rateHz, options, report) {
    const playout = new Playout(rateHz, options, report);
    const begun = now();
    const block = new Float32Array(rateHz / 100);
    let done = 0;
    this.post = (order) => playout.take(order, now() - begun);
    this._timer = setInterval(() => {
      for (; done < now() - begun; done += 10) playout.render(block, done);
    }, 20);
  }

  close() {
    clearInterval(this._timer);
  }
}

// ---- Microphone and loudspeaker ----

const PROBLEMS = {
  microphone_blocked: "The microphone is blocked for this page. Allow it in the site settings, beside the address, and come back.",
  microphone_missing: "There is no microphone. Plug one in, and the call goes on. You can type meanwhile.",
  microphone_busy: "Another program has the microphone. Close it there, then check again.",
  insecure_page: "This address may not use the microphone. Browsers allow it on https and on localhost only.",
  sound_blocked: "The sound is held back by your browser. Press anywhere to hear the answer.",
};

const KINDS = {
  NotAllowedError: "microphone_blocked",
  SecurityError: "microphone_blocked",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};

const TOUCHES = ["pointerdown", "keydown"];

/** The page's sound: one AudioContext, at the device's own rate. */
class Sound {
  constructor(call, options) {
    this._call = call;
    this._options = options;
    this._context = new AudioContext({ latencyHint: "interactive" });
    this.rateHz = this._context.sampleRate;
    this.wake = () => this._context.resume();
  }

  _node(name, more, hear) {
    const node = new AudioWorkletNode(this._context, name, more);
    node.port.onmessage = ({ data }) => hear(data);
    node.connect(this._context.destination); // a microphone says nothing there, and is heard for it
    return node;
  }

  async load() {
    const { moduleUrl, speaker, jitterMs: waitMs, jitterMaxMs: mostMs } = this._options;
    if (!this._context.audioWorklet) throw problem("insecure_page");
    await this._context.audioWorklet.addModule(moduleUrl ?? import.meta.url);
    if (this._isClosed) return;
    const more = { numberOfInputs: 0, outputChannelCount: [1], processorOptions: { waitMs, mostMs } };
    if (speaker) this._player = this._node("parley-playout", more, (told) => this._call._report(told));
  }

  /** Let it sound; browsers do so only after the page was touched, or when the microphone is on. */
  start() {
    for (const touch of TOUCHES) document.addEventListener(touch, this.wake);
    this._context.onstatechange = () => this._look();
    this.wake().catch(() => {});
    this._timer = setTimeout(() => navigator.userActivation?.hasBeenActive || this._look(), 1000);
  }

  _look() {
    const isHeld = !["running", "closed"].includes(this._context.state);
    if (isHeld && !this._isHeld) this._call._trouble("sound_blocked");
    this._isHeld = isHeld;
  }

  post(order) {
    this._player?.port.postMessage(order, order.push ? [order.push.samples.buffer] : []);
  }

  get isRunning() {
    return this._context.state === "running";
  }

  /** What was played and has not reached the ear. */
  get delayMs() {
    return 1000 * ((this._context.outputLatency || 0) + (this._context.baseLatency || 0));
  }

  /** Take the microphone that *wanted* says, in place of the one before; none once *given* is over. */
  async listen(wanted, given) {
    const isOwn = !(wanted instanceof MediaStream);
    const stream = isOwn ? await ask(wanted) : wanted;
    if (this._isClosed || given?.aborted) {
      if (isOwn) for (const track of stream.getTracks()) track.stop(); // nobody is to be heard
      return;
    }
    this.deafen();
    this._source = this._context.createMediaStreamSource(stream);
    const more = { channelCount: 1, channelCountMode: "explicit" };
    this.microphone = this._node("parley-microphone", more, (samples) => this._call._hear(samples));
    this._source.connect(this.microphone);
    this._tracks = isOwn ? stream.getTracks() : [];
    for (const track of this._tracks) track.onended = () => this._call._listen(true); // pulled out
  }

  deafen() {
    for (const track of this._tracks ?? []) {
      track.onended = null;
      track.stop();
    }
    this._source?.disconnect();
    this.microphone?.disconnect();
    this.microphone = null;
  }

  /** Resolves when another try makes sense, after a problem. */
  async changed(kind, signal) {
    const permission = await navigator.permissions?.query({ name: "microphone" }).catch(() => null);
    const [what, change] = kind === "microphone_blocked" ? [permission, "change"] : [navigator.mediaDevices, "devicechange"];
    await new Promise((resolve) => {
      what?.addEventListener(change, resolve, { once: true, signal });
      signal.onabort = resolve;
    });
  }

  async decode(buffer) {
    const sound = await this._context.decodeAudioData(buffer);
    const samples = new Float32Array(sound.length);
    for (let channel = 0; channel < sound.numberOfChannels; channel++) {
      sound.getChannelData(channel).forEach((sample, n) => (samples[n] += sample / sound.numberOfChannels));
    }
    return { samples, rateHz: sound.sampleRate };
  }

  async useSpeaker(deviceId) {
    if (!this._context.setSinkId) throw new CallError("not_supported", "This browser plays where the system says.");
    await this._context.setSinkId(deviceId);
  }

  close() {
    this._isClosed = true;
    clearTimeout(this._timer);
    for (const touch of TOUCHES) document.removeEventListener(touch, this.wake);
    this.deafen();
    this._context.close();
  }
}

async function ask(wanted) {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  if (!navigator.mediaDevices) throw problem("insecure_page");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, ...(wanted === true ? {} : wanted) } });
  } catch ({ name }) {
    throw problem(KINDS[name] ?? "microphone_missing");
  }
}

const problem = (kind) => new CallError(kind, PROBLEMS[kind]);

// ---- What a close code means (docs/protocol.md, section 5) ----

const TRIES = 6;
const FINAL = [1000, 1002, 1007, 1009, 4400, 4401, 4403, 4409, 4411, 4412];
const AT_ONCE = [1001, 4410, 4504];
const MEANINGS = {
  1000: "The call has ended.",
  1001: "This server is being stopped; the call moves on.",
  4409: "The call goes on at another place.",
  4411: "The call has lasted as long as it may.",
};

/** Nobody has answered yet, or only a load balancer, which does not say why; nor does a browser. */
const NOT_REACHED = { sentence: "The gateway cannot be reached." };

/**
 * What to do after a close: `delayMs` until the next try, null for none, and a sentence.
 * *error* is the data of the `error` that came before, *attempt* the number of the next try, from 1.
 */
export function afterClose({ closeCode, error, attempt, random = Math.random() }) {
  const sentence = error?.sentence || MEANINGS[closeCode] || "The connection dropped.";
  const isMoving = AT_ONCE.includes(closeCode);
  const isFinal = FINAL.includes(closeCode) || (error?.retryable === false && !isMoving);
  if (isFinal || attempt > TRIES) return { delayMs: null, sentence };
  const backOffMs = isMoving && attempt === 1 ? 0 : 250 * 2 ** (attempt - 1) * (0.8 + 0.4 * random);
  return { delayMs: Math.max(error?.retry_after_ms ?? 0, Math.round(backOffMs)), sentence };
}

/** What a `limit_warning` means to a person. */
export function limitSentence({ limit, used, allowed, currency = "" }) {
  const leftS = Math.max(0, Math.round(allowed - used));
  switch (limit) {
    case "max_call_s":
      return `The call may last ${leftS} s more.`;
    case "idle_timeout_s":
      return `Nobody says anything. The call ends in ${leftS} s.`;
    case "microphone_silence_s":
      return "Your microphone sends no sound. Is it switched off?";
    default:
      return `${used} of ${allowed} ${currency} are used (${limit}).`.replace("  ", " ");
  }
}

// ---- The call ----

/** Something that was asked for and did not come about: `message` is a sentence for people. */
export class CallError extends Error {
  constructor(code, sentence, { field, retryable = false } = {}) {
    super(sentence);
    Object.assign(this, { name: "CallError", code, field, retryable });
  }
}

let named = 0; // by which no two calls of a page give one name to what is typed

const HAS_PAGE = typeof AudioContext === "function";

export const connect = (options) => new Call(options);

class Call {
  constructor(options) {
    const usual = { microphone: HAS_PAGE, speaker: HAS_PAGE, reconnect: true, jitterMs: "auto", jitterMaxMs: 300 };
    this._options = { ...usual, ...options };
    const { talk, parameters, tools = [], microphone, speaker } = this._options;
    Object.assign(this, { state: "idle", sessionId: "", muted: false, speaking: false, negotiated: null });
    this.stats = { latencies: [], droppedMs: 0, underruns: 0, bufferedMs: 0, keptMs: 0, reconnects: 0 };
    this.ready = new Promise((resolve, reject) => Object.assign(this, { _resolve: resolve, _reject: reject }));
    this.ready.catch(() => {});
    this._listeners = {};
    this._tools = new Map();
    this._calls = new Map();
    this._asked = new Map(); // what `configure` waits for, by id
    this._inForce = {}; // what was configured, for a session that comes after this one
    this._items = new Map();
    this._outbox = []; // speech and orders that were not sent yet
    this._levels = { you: SILENCE_DB, model: SILENCE_DB };
    this._sent = []; // what the gateway may not have got
    this._chunks = this._shipped = this._epoch = this._attempt = this._lastSeq = 0;
    this._allowance = { ms: AT_ONCE_MS, at: now() };
    this._register(tools);
    if (HAS_PAGE && (microphone || speaker)) this._sound = new Sound(this, this._options);
    if (!HAS_PAGE || !speaker) this._quiet = this._beQuiet();
    this._parameters = {
      ...{ input_format: "pcm16", output_format: "pcm16", output_rate: 24_000, input_rate: this._sound?.rateHz ?? 24_000 },
      ...(talk === "push_to_talk" && { turn_detection: "none" }),
      ...parameters,
      ...{ input_channels: 1, output_encoding: "binary" },
    };
    queueMicrotask(() => this._begin().catch((error) => {
      this._end(error instanceof CallError ? error : new CallError("failed", `The call cannot begin: ${error?.message ?? error}`));
    }));
  }

  on(name, listener) {
    (this._listeners[name] ??= new Set()).add(listener);
    return () => this._listeners[name].delete(listener);
  }

  _emit(name, event) {
    for (const listener of this._listeners[name] ?? []) {
      try {
        listener(event);
      } catch (error) {
        setTimeout(() => { throw error; }); // the page's own fault, told as such, and not the call's
      }
    }
  }

  _enter(state, sentence, more) {
    this.state = state;
    this._emit("status", { state, sentence, ...more });
  }

  // Opening.

  async _begin() {
    if (this.state === "ended") return;
    checkFormats(this._parameters);
    this._url();
    await this._load();
    if (this.state === "ended") return;
    if (this._options.microphone && this._sound) {
      this._enter("asking", "Your browser is asking whether Parley may hear you. Choose Allow, and the call begins.");
      await this._listen(this._options.microphone);
    }
    if (this.state === "ended") return;
    this._sound?.start();
    await this._dial();
  }

  /** On a page without https there is no sound at all; what is said is still there to read. */
  async _load() {
    try {
      await this._sound?.load();
    } catch (error) {
      if (!PROBLEMS[error.code] || this.state === "ended") throw error;
      this._trouble(error.code);
      this._sound.close();
      this._sound = null;
      this._quiet ??= this._beQuiet();
    }
  }

  _beQuiet() {
    const { jitterMs: waitMs, jitterMaxMs: mostMs } = this._options;
    return new Quiet(24_000, { waitMs, mostMs }, (told) => this._report(told));
  }

  /** Have the microphone, as soon as there is one; until then it is a problem that is told. */
  async _listen(wanted) {
    const given = (this._given = new AbortController()).signal; // over: it is not waited for any more
    const isOver = new Promise((resolve) => given.addEventListener("abort", resolve));
    while (this.state !== "ended" && !given.aborted) {
      try {
        return await Promise.race([this._sound.listen(wanted, given), isOver]);
      } catch (error) {
        if (!PROBLEMS[error.code]) throw error;
        this._trouble(error.code);
        const waiting = (this._waiting = new AbortController());
        await Promise.race([this._sound.changed(error.code, waiting.signal), isOver]);
        waiting.abort();
      }
    }
    return undefined;
  }

  _trouble(kind) {
    this._emit("problem", { kind, sentence: PROBLEMS[kind] });
  }

  /** Try once; whatever comes of a try that is not the newest is nobody's. */
  async _dial() {
    clearTimeout(this._timer);
    const line = (this._line = {});
    if (!this._attempt) this._enter("connecting", "Connecting.");
    const token = await this._token().catch((error) => error);
    if (this._line !== line) return;
    if (token instanceof CallError) {
      this._closed(1006, { code: token.code, sentence: token.message });
      return;
    }
    const socket = (this._socket = new WebSocket(this._url(), ["voice.v1", `bearer.${token}`]));
    const closed = (code) => {
      for (const timer of [late, watch]) clearTimeout(timer);
      if (this._line !== line) return;
      socket.close(); // else one that is given up may open yet
      this._closed(code, code === 1006 ? null : this._lastError);
    };
    const late = (this._late = setTimeout(closed, LATE_MS, 1006));
    socket.binaryType = "arraybuffer";
    this._looks = 0;
    const watch = (this._watch = setInterval(() => this._look(() => closed(1006)), LOOK_MS));
    socket.onopen = () => clearTimeout(late);
    socket.onmessage = ({ data }) => this._line === line && this._message(data);
    socket.onclose = ({ code }) => closed(code);
  }

  /** A token, or a CallError; a line that is dead keeps a page's own questions waiting as well. */
  async _token() {
    try {
      const isSlow = new Promise((_, reject) => {
        if (this._openedAt !== undefined && !this._isOpen) this._late = setTimeout(reject, LATE_MS, new Error("getToken takes too long."));
      });
      const token = String((await Promise.race([this._options.getToken(), isSlow])) ?? "").trim();
      if (!TOKEN.test(token)) throw new Error("what getToken gave is none.");
      return token;
    } catch (error) {
      throw new CallError("token_missing", `There is no token: ${error?.message ?? error ?? "getToken has failed."}`);
    } finally {
      clearTimeout(this._late);
    }
  }

  /** A line that is dead looks open for minutes, behind sleep or in another network: ask, and give it up. */
  _look(giveUp) {
    this._looks++;
    if (this._looks === 2 && this._isTold) this._post({ type: "ping" });
    if (this._looks === 3) giveUp();
  }

  _url() {
    const asked = this._options.url || "/ws";
    let url;
    try {
      url = new URL(asked, import.meta.url);
    } catch {} // told as any other that is none
    if (!/^(http|ws)s?:$/.test(url?.protocol)) {
      throw new CallError("bad_request", `This is no address of a gateway, which begins with https, wss, http or ws: ${asked}`);
    }
    url.protocol = url.protocol.replace("http", "ws");
    if (url.pathname === "/") url.pathname = "/ws";
    const resume = this._resumeToken && { resume: this._resumeToken, last_seq: this._lastSeq };
    for (const [name, value] of Object.entries({ ...this._parameters, ...resume })) url.searchParams.set(name, value);
    return url;
  }

  // Ending, and beginning again.

  _closed(closeCode, error) {
    this._attempt = this._isOpen && now() - this._openedAt > 10_000 ? 1 : this._attempt + 1;
    this._lostAt ??= now();
    this._socket = this._line = this._expected = this._lastError = null;
    this._isTold = this._isOpen = false;
    if (!this._resumeToken) this._forget();
    const isUnheard = this._openedAt === undefined && !(closeCode in MEANINGS);
    const why = error ?? (isUnheard ? NOT_REACHED : null);
    const { delayMs, sentence } = afterClose({ closeCode, error: why, attempt: this._attempt });
    const more = { code: error?.code, closeCode };
    if (delayMs === null || !this._options.reconnect) {
      this._end(new CallError(error?.code ?? "closed", sentence, error ?? {}), more);
      return;
    }
    this._timer = setTimeout(() => this._dial(), delayMs); // before who is told may want it at once
    this._enter("reconnecting", sentence, { ...more, attempt: this._attempt, retryInMs: delayMs });
  }

  /** The session is gone, and what was open in it. */
  _forget() {
    this._speaker({ end: true });
    for (const id of this._calls.keys()) this._cancel(id);
    const lost = new CallError("not_connected", "The connection was lost before this was taken.", { retryable: true });
    for (const { reject } of this._asked.values()) reject(lost);
    this._asked.clear();
    this._outbox = this._outbox.filter(({ message }) => !["configure", "tool_result"].includes(message?.type));
    this._resumeToken = this._deafTo = null;
    this._lastSeq = this._chunks = this._shipped = 0;
    this._sent = [];
  }

  _end(error, more) {
    if (this.state === "ended") return;
    // Before anybody is told, who may end it for that.
    this.state = "ended";
    this._flush();
    this._enter("ended", error?.message ?? MEANINGS[1000], { code: error?.code, ...more });
    this._reject(error ?? new CallError("closed", MEANINGS[1000]));
    this._forget();
    for (const timer of [this._timer, this._late, this._later, this._watch]) clearTimeout(timer);
    this._given?.abort();
    this._quiet?.close();
    this._sound?.close();
    this._socket?.close(1000);
    this._socket = this._line = null;
    this._isTold = false;
  }

  async close() {
    this._end();
  }

  retry() {
    this._waiting?.abort();
    if (this.state === "reconnecting" && !this._line) this._dial();
  }

  typeOnly() {
    this._given?.abort();
  }

  // What the gateway says.

  _message(data) {
    this._looks = 0;
    if (typeof data === "string") {
      const said = JSON.parse(data);
      // Whole when its frame is there.
      if (said.type === "audio") this._audioSeq = said.seq;
      else this._lastSeq = said.seq;
      this._lastError = null;
      this._note("in", said.type, data);
      this[`_on_${said.type}`]?.(said.data, said.error);
    } else {
      this._note("in", "audio", undefined, data.byteLength);
      this._lastSeq = this._audioSeq;
      if (this._expected?.size === data.byteLength) this._answer(this._expected, data);
      this._expected = null;
    }
  }

  _on_connection_status({ status, negotiated, session_id, resume_token, resumed, chunk, received, attempt, context_lost }) {
    if (negotiated) {
      const isTold = this._isTold; // of this connection: what one before was told comes again, too
      this._isNew = !resumed && this._openedAt !== undefined;
      if (!resumed && this._resumeToken) this._forget(); // else it was when the line dropped
      Object.assign(this, { negotiated, sessionId: session_id, _resumeToken: resume_token, _isTold: true });
      if (!resumed) this._introduce();
      else if (!isTold) this._shipAgain(chunk, received);
    }
    if (status === "reconnecting") {
      this._lostAt ??= now();
      this._enter("reconnecting", "The model was lost and is called again. Please go on talking.", { attempt });
    }
    const isNoNews = this._isOpen && this._lostAt === undefined; // told twice, or a model that took over unnoticed
    if (status === "connected" && !isNoNews) this._connected(this._isNew || Boolean(context_lost));
    this._drain();
  }

  _connected(contextLost) {
    let sentence = "Connected.";
    if (this._openedAt !== undefined) {
      this.stats.reconnects++;
      sentence = `The line is back after ${((now() - this._lostAt) / 1000).toFixed(1)} s. `;
      const heard = this._hasGap ? "Some of what was said meanwhile is lost." : "Nothing was lost.";
      sentence += contextLost ? "The model starts afresh and has forgotten all of this." : heard;
      this._hasGap = false;
    }
    this._openedAt = now();
    this._isOpen = true;
    this._isNew = false;
    this._lostAt = undefined;
    this._enter("connected", sentence, { contextLost });
    this._resolve();
  }

  /** Tell a new session what the page can do, and what was set before. */
  _introduce() {
    const tools = [...this._tools.values()].filter(({ description }) => description);
    const fields = { ...this._inForce, ...(tools.length && { tools: tools.map(definition) }) };
    if (!Object.keys(fields).length) return;
    this._ask(fields, (message) => this._post(message)).catch((error) => this._isTold && this._complain(error));
  }

  _complain({ code, message: sentence, retryable, field }) {
    this._emit("error", { code, sentence, retryable, field });
  }

  _on_configured({ ref, ...data }) {
    this.negotiated = { ...this.negotiated, ...data };
    const { fields, resolve } = this._settled(ref) ?? {};
    const { history, ...kept } = fields ?? {};
    Object.assign(this._inForce, kept);
    resolve?.(data);
    this._drain();
  }

  _on_error(data, sentence) {
    this._lastError = { ...data, sentence };
    if (data.ref === this._deafTo) this._deafTo = null;
    const error = new CallError(data.code, sentence, data);
    const asked = this._settled(data.ref);
    if (asked) asked.reject(error);
    else this._complain(error);
    this._drain();
  }

  _settled(ref) {
    const asked = this._asked.get(ref);
    this._asked.delete(ref);
    return asked;
  }

  _on_speech_started({ item_id: itemId }) {
    this._emit("speech", { active: true, itemId });
  }

  _on_speech_stopped({ item_id: itemId }) {
    this._turnAt = now();
    this._isTurnOver = true;
    this._emit("speech", { active: false, itemId });
  }

  _on_transcript({ role, item_id: itemId, text, final, delta = "" }) {
    const event = { role, itemId, text, final, delta };
    if (role === "assistant") {
      const item = this._item(itemId);
      item.text = text;
      if (item.heardMs !== undefined) event.heardChars = heardChars(item);
    }
    this._emit("transcript", event);
  }

  _on_response_started({ response_id: responseId }) {
    this._emit("response", { responseId, status: "started" });
  }

  _on_response_done({ response_id: responseId, status, continues }) {
    this._speaker({ end: true });
    this._emit("response", { responseId, status, continues });
  }

  _on_interrupted({ item_id: itemId, heard_ms: heardMs, ref }) {
    if (!ref || ref !== this._deafTo) this._flush();
    if (ref === this._deafTo) this._deafTo = null;
    this._emit("interrupted", { itemId, heardMs });
  }

  /** It was a noise: what was cut is heard after all. */
  _on_answer_goes_on({ item_id: itemId, offset_ms: offsetMs }) {
    delete this._item(itemId).heardMs;
    this._emit("goes_on", { itemId, offsetMs });
  }

  _on_audio(data) {
    if (data.wait) this._waits = { id: data.response_id, ...data.wait };
    this._expected = data;
  }

  async _on_token_expiring() {
    try {
      const token = await this._token();
      if (this._isTold) this._post({ type: "refresh_token", token });
    } catch (error) {
      this._complain(error); // 4410 will follow
    }
  }

  _on_limit_warning({ reset_at: resetAt, ...told }) {
    if (told.limit === "microphone_silence_s" && (this.muted || this._isFile)) return;
    this._emit("limit", { ...told, resetAt, sentence: limitSentence(told) });
  }

  _on_listening_in({ status }) {
    const active = status === "begun";
    this._emit("listening", { active, sentence: `${active ? "A person of this service" : "Nobody"} listens in.` });
  }

  _on_going_away() {
    this._emit("status", { state: this.state, sentence: MEANINGS[1001], code: "going_away" });
  }

  // The answer, and what is heard of it.

  _item(id) {
    if (!this._items.has(id)) this._items.set(id, { id, receivedMs: 0, text: "" });
    if (this._items.size > 64) this._items.delete(this._items.keys().next().value);
    return this._items.get(id);
  }

  _answer({ item_id: itemId, response_id: responseId, offset_ms: offsetMs }, data) {
    if (this._deafTo) return;
    const { format, rate_hz: rateHz } = this.negotiated.output;
    const samples = decode(data, format);
    this._item(itemId).receivedMs = offsetMs + (1000 * samples.length) / rateHz;
    const piece = { itemId, responseId, offsetMs, rateHz, samples };
    this._emit("audio", { ...piece, samples: samples.slice() });
    this._speaker({ push: piece });
  }

  _speaker(order) {
    (this._quiet ?? this._sound).post(order);
  }

  /** Nothing of what was queued is heard any more; what was heard of the item that played. */
  _flush() {
    const heard = this._heard();
    this._speaker({ flush: ++this._epoch });
    this._playing = null;
    this.speaking = false;
    if (!heard) return heard;
    const { itemId, heardMs } = heard;
    const item = Object.assign(this._item(itemId), { heardMs });
    this._emit("playback_ended", { itemId, heardMs, interrupted: true });
    this._on_transcript({ role: "assistant", item_id: itemId, text: item.text, final: true });
    return heard;
  }

  /** What has reached the ear of the item that plays; null: none does. */
  _heard() {
    if (!this._playing) return null;
    const { itemId, playedMs, at } = this._playing;
    const since = this._quiet ? now() - at : (this._sound.isRunning && now() - at) - this._sound.delayMs;
    const heardMs = playedMs + since;
    return { itemId, heardMs: Math.round(between(0, heardMs, this._item(itemId).receivedMs)) };
  }

  _report({ epoch, events, now: place, bufferedMs, level: loudness, leftOut }) {
    if (leftOut) this.stats.droppedMs += (1000 * leftOut.samples.length) / leftOut.rateHz;
    if (epoch !== this._epoch) return;
    for (const event of events) this[`_sound_${event.type}`](event);
    this.stats.bufferedMs = bufferedMs;
    this._levels.model = loudness;
    this._emit("level", this.levels());
    if (!place) return;
    this._playing = { ...place, at: now() };
    const { itemId, heardMs } = this._heard();
    this._tell(itemId, heardMs, now() - (this._toldAt ?? 0) > 240);
  }

  _tell(itemId, playedMs, isDue) {
    this._emit("playback", { itemId, playedMs, receivedMs: this._item(itemId).receivedMs });
    if (!isDue || !this._isTold) return;
    this._toldAt = now();
    this._post({ type: "playback", item_id: itemId, played_ms: playedMs });
  }

  _sound_started({ itemId, responseId }) {
    this.speaking = true;
    this._emit("speaking", { itemId, responseId });
    if (this._turnAt === undefined) return;
    const turn = { responseId, totalMs: now() - this._turnAt + (this._quiet ? 0 : this._sound.delayMs) };
    if (this._waits?.id === responseId) {
      const { model_ms: modelMs, gateway_ms: gatewayMs, tools_ms: toolsMs = 0 } = this._waits;
      Object.assign(turn, { modelMs, gatewayMs, toolsMs, wayMs: Math.max(0, turn.totalMs - modelMs - gatewayMs - toolsMs) });
    }
    this._turnAt = undefined;
    this.stats.latencies = [...this.stats.latencies.slice(-99), turn];
    this._emit("latency", turn);
  }

  _sound_ended({ itemId, playedMs }) {
    this.speaking = false;
    this._playing = null;
    const heardMs = Math.round(playedMs);
    this._tell(itemId, heardMs, true);
    this._emit("playback_ended", { itemId, heardMs, interrupted: false });
  }

  _sound_underrun() {
    this.stats.underruns++;
  }

  // What the user says.

  _hear(samples) {
    if (!samples) return this._released();
    this._levels.you = dbfs(samples);
    const isMeant = !this._isFile && (this._held || this._isOpenMic);
    if (isMeant && samples.length) this._speak(this.muted ? new Float32Array(samples.length) : samples, this._sound.rateHz);
    return undefined;
  }

  get _isOpenMic() {
    return (this.negotiated ?? this._parameters).turn_detection !== "none";
  }

  _speak(samples, rateHz) {
    const ms = (1000 * samples.length) / rateHz;
    this._heldMs += ms;
    this._outbox.push({ samples, rateHz, ms });
    this.stats.keptMs += ms;
    while (this.stats.keptMs > KEPT_MS) {
      const [oldest] = this._outbox.splice(this._outbox.findIndex((kept) => kept.ms), 1);
      this.stats.droppedMs += oldest.ms;
      this.stats.keptMs -= oldest.ms;
    }
    this._drain();
  }

  /** An order takes its place behind the speech before it. */
  _order(message) {
    if (this.state === "ended" || this._outbox.filter((kept) => kept.message).length >= ORDERS) {
      throw new CallError("not_connected", "Too much waits for the connection, or the call has ended.");
    }
    this._outbox.push({ message });
    this._drain();
  }

  /** Send what may be sent: all that is spoken now, and what was kept at some times its speed. */
  _drain() {
    clearTimeout(this._later);
    const allowance = this._allowance;
    allowance.ms = Math.min(AT_ONCE_MS, allowance.ms + 3 * (now() - allowance.at));
    allowance.at = now();
    while (this._outbox.length && this._isTold && !this._isChanging()) {
      if (allowance.ms < 0 || this._socket.bufferedAmount > 262_144) {
        this._later = setTimeout(() => this._drain(), 50);
        return;
      }
      const { message, samples, rateHz, ms = 0 } = this._outbox.shift();
      if (message) this._post(message);
      else this._send(samples, rateHz);
      allowance.ms -= ms;
      this.stats.keptMs -= ms;
    }
  }

  /** The format of the way in is about to be another. */
  _isChanging() {
    return [...this._asked.values()].some(({ isSent, fields }) => isSent && /\binput_/.test(Object.keys(fields)));
  }

  _send(samples, rateHz) {
    const { format, rate_hz: toHz } = this.negotiated.input;
    const key = `${rateHz} ${toHz}`;
    if (this._converter?.key !== key) this._converter = { key, convert: converter(rateHz, toHz) };
    const frame = encode(this._converter.convert(samples), format);
    if (frame.byteLength) this._ship(frame);
    this._note("out", "audio", undefined, frame.byteLength);
  }

  /** Send *data*, now or when the session goes on, and know it until it has surely come. */
  _ship(data) {
    if (this._isTold) this._socket.send(data);
    const chunk = typeof data === "string" ? 0 : ++this._chunks;
    this._sent.push({ data, chunk, number: ++this._shipped });
    if (this._sent.length > SENT) this._sent.shift();
  }

  _on_audio_received({ chunk }) {
    this._sent.splice(0, this._sent.findIndex((sent) => sent.chunk === chunk) + 1);
  }

  /** The session goes on, and has heard no more than *chunk*, and *received* messages of any kind. */
  _shipAgain(chunk, received) {
    const lost = this._sent.filter(({ number }) => number > received);
    this._hasGap = received + lost.length < this._shipped;
    if (this._hasGap) this._deafTo = null; // it may have been among what is lost
    this._sent = [];
    this._chunks = chunk;
    this._shipped = received;
    for (const { data } of lost) this._ship(data);
  }

  _post(message) {
    const asked = this._asked.get(message.id);
    if (asked) asked.isSent = true;
    const text = JSON.stringify(message);
    this._ship(text);
    this._note("out", message.type, message.token ? undefined : text);
  }

  _note(direction, type, text, bytes = text?.length) {
    if (this._listeners.message?.size) this._emit("message", { direction, at: Date.now(), type, text, bytes });
  }

  _id() {
    return `p${++named}`;
  }

  say(text) {
    const id = this._id();
    this._order({ type: "text", text, id });
    this._turnAt = now();
    this._emit("transcript", { role: "user", itemId: id, text, final: true, delta: text });
  }

  interrupt() {
    const { itemId, heardMs } = this._flush() ?? {};
    if (!this._isTold && !this._resumeToken) return; // nobody is there to know of it
    this._deafTo = this._id();
    this._post({ type: "interrupt", item_id: itemId, heard_ms: heardMs, id: this._deafTo });
  }

  mute(on = true) {
    this.muted = on;
  }

  hold() {
    if (this._held) return;
    if (this.speaking) this.interrupt();
    this._held = true;
    this._heldMs = 0;
  }

  release() {
    const microphone = this._sound?.microphone;
    if (microphone) microphone.port.postMessage(null); // it answers when all that it heard is here
    else this._released();
  }

  _released() {
    if (!this._held) return;
    this._held = false;
    if (this.state === "ended") return;
    if (this._heldMs >= 100) {
      this._commit();
      return;
    }
    this._order({ type: "clear_audio", id: this._id() });
    this._complain(new CallError("audio_buffer_empty", "Hold it for as long as you speak."));
  }

  _commit() {
    this._order({ type: "commit_audio", id: this._id() });
    this._turnAt = now();
  }

  async play(file, rateHz = 24_000) {
    const speech = file instanceof Float32Array ? { samples: file, rateHz } : await this._read(file);
    this._isFile = true;
    this._isTurnOver = false;
    await this._pace(speech, () => false);
    if (!this._isOpenMic) this._commit();
    else if (!this._sound?.microphone) {
      await this._pace({ ...speech, samples: new Float32Array(5 * speech.rateHz) }, () => this._isTurnOver);
    }
    this._isFile = false;
    this._levels.you = SILENCE_DB;
  }

  /** Say *samples* as fast as they would be spoken. */
  async _pace({ samples, rateHz }, isEnough) {
    const size = Math.round((rateHz * CHUNK_MS) / 1000);
    const begun = now();
    for (let at = 0; at < samples.length && !isEnough() && this.state !== "ended"; at += size) {
      const chunk = samples.slice(at, at + size);
      this._levels.you = dbfs(chunk);
      this._speak(chunk, rateHz);
      const earlyMs = begun + (1000 * (at + size)) / rateHz - now();
      if (earlyMs > 0) await pause(earlyMs); // a page in the background is woken once a second
    }
  }

  async _read(file) {
    const speech = await this._sound?.decode(await new Response(file).arrayBuffer()).catch(() => null);
    if (!speech) throw new CallError("unsupported_format", "This file is no sound that can be read here.");
    return speech;
  }

  // Settings, tools, devices.

  /** Send a `configure`; what is then in force is the promise. */
  _ask(fields, send) {
    const id = this._id();
    return new Promise((resolve, reject) => {
      this._asked.set(id, { resolve, reject, fields });
      send({ type: "configure", ...fields, id });
    });
  }

  async configure(fields) {
    checkFormats(fields);
    const { tools } = fields;
    if (tools) this._register(tools);
    const wire = { output_encoding: undefined, input_channels: undefined }; // are this file's own affair
    return this._ask({ ...fields, ...(tools && { tools: tools.map(definition) }), ...wire }, (message) => this._order(message));
  }

  _register(tools) {
    for (const tool of tools) this._tools.set(tool.name, tool);
  }

  async _on_tool_call({ call_id: callId, name, arguments: args }) {
    const controller = new AbortController();
    const told = { callId, name, arguments: args };
    const begun = now();
    this._calls.set(callId, { told, controller });
    this._emit("tool", { ...told, status: "running" });
    let answer;
    try {
      if (!this._tools.has(name)) throw new Error(`This page has no function ${name}.`);
      answer = { output: (await this._tools.get(name).run(args, { callId, signal: controller.signal })) ?? "done" };
      if (!isJson(answer.output)) throw new Error(`What the function ${name} brought cannot be written as JSON.`);
    } catch (error) {
      answer = { output: String(error?.message ?? error), is_error: true };
    }
    if (!this._calls.delete(callId)) return; // it was cancelled meanwhile
    const result = { type: "tool_result", call_id: callId, ...answer, id: this._id() };
    if (this._isTold) this._post(result);
    else this._order(result);
    const status = answer.is_error ? "failed" : "done";
    this._emit("tool", { ...told, status, result: answer.output, ms: now() - begun });
  }

  _on_tool_call_cancelled({ call_id }) {
    this._cancel(call_id);
  }

  _cancel(callId) {
    const call = this._calls.get(callId);
    if (!this._calls.delete(callId)) return;
    call.controller.abort();
    this._emit("tool", { ...call.told, status: "cancelled" });
  }

  levels() {
    return { ...this._levels };
  }

  async devices() {
    const all = (await globalThis.navigator?.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind) => all.filter((device) => device.kind === kind);
    return { microphones: of("audioinput"), speakers: of("audiooutput") };
  }

  get _devices() {
    if (this._sound) return this._sound;
    throw new CallError("not_supported", "This call has no sound of its own, and so no device to choose.");
  }

  async useMicrophone(deviceId) {
    await this._devices.listen({ deviceId: { exact: deviceId } });
    this._given?.abort(); // another one that is waited for
  }

  async useSpeaker(deviceId) {
    await this._devices.useSpeaker(deviceId);
  }

  async resumeSound() {
    await this._sound?.wake();
  }
}

function checkFormats({ input_format = "pcm16", output_format = "pcm16" }) {
  if (FORMATS[input_format] && FORMATS[output_format]) return;
  throw new CallError("unsupported_format", `parley.js speaks ${Object.keys(FORMATS).join(", ")}.`);
}

function isJson(value) {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

const definition = ({ name, description, parameters }) => ({ name, description, parameters });

/** How much of an item's text was heard, by the part of its sound that was. */
const heardChars = ({ text, heardMs, receivedMs }) => Math.round(text.length * Math.min(1, heardMs / (receivedMs || 1)));
