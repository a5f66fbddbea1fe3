/**
 * A call to Parley, from a web page or from Node 22: one file, no dependency.
 *
 *     import { connect } from "https://gateway.example.com/parley.js";
 *     const call = connect({ getToken: () => fetch("/token").then((answer) => answer.text()) });
 *     call.on("transcript", ({ role, text }) => console.log(role, text));
 *
 * The file is loaded twice: as a module of the page, and as the module of its audio worklets, so
 * that one address is enough for a strict Content-Security-Policy.  Types are in parley.d.ts.
 * Times are milliseconds, rates hertz, samples mono floats of full scale 1.
 */

/** @typedef {import("./parley.js").Options} Options */
/** @typedef {import("./parley.js").Piece} Piece */

const CHUNK_MS = 20;
const REPORT_MS = 64;
const KEPT_MS = 15_000;
const AT_ONCE_MS = 8_000;
const ORDERS = 64;
const AHEAD_MS = 300_000;
const SILENCE_DB = -120;

// ---- Samples ----------------------------------------------------------------------------------

/** Level of *samples* in dB of full scale, from -120 up. */
export function dbfs(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return level(sum, samples.length);
}

const level = (sum, count) => (sum ? Math.max(SILENCE_DB, 10 * Math.log10(sum / count)) : SILENCE_DB);

const clip = (sample) => Math.max(-1, Math.min(1, sample));

// G.711 (ITU-T, 1988): the sign, three bits of exponent, four of mantissa.
const muLaw = (byte) => {
  const bits = ~byte;
  const size = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 128 ? -size : size) / 32768;
};
const aLaw = (byte) => {
  const bits = byte ^ 0x55;
  const shift = (bits >> 4) & 7;
  const size = shift ? (((bits & 15) << 4) + 264) << (shift - 1) : ((bits & 15) << 4) + 8;
  return (bits & 128 ? size : -size) / 32768;
};

const toMuLaw = (sample) => {
  const size = Math.min(32635, Math.abs(Math.round(clip(sample) * 32768))) + 132;
  const exponent = 24 - Math.clz32(size);
  return ~((sample < 0 ? 128 : 0) | (exponent << 4) | ((size >> (exponent + 3)) & 15)) & 255;
};
const toALaw = (sample) => {
  const size = Math.min(32767, Math.abs(Math.round(clip(sample) * 32768)));
  const exponent = size < 256 ? 0 : 24 - Math.clz32(size);
  const mantissa = (size >> (exponent ? exponent + 3 : 4)) & 15;
  return ((sample < 0 ? 0 : 128) | (exponent << 4) | mantissa) ^ 0x55;
};

/** The formats of the wire: bytes of a sample, and how one is read from a DataView and written. */
const FORMATS = {
  pcm16: {
    bytes: 2,
    read: (view, at) => view.getInt16(at, true) / 32768,
    write: (view, at, sample) => view.setInt16(at, Math.round(clip(sample) * 32767), true),
  },
  float32: {
    bytes: 4,
    read: (view, at) => view.getFloat32(at, true),
    write: (view, at, sample) => view.setFloat32(at, sample, true),
  },
  pcmu: {
    bytes: 1,
    read: (view, at) => muLaw(view.getUint8(at)),
    write: (view, at, sample) => view.setUint8(at, toMuLaw(sample)),
  },
  pcma: {
    bytes: 1,
    read: (view, at) => aLaw(view.getUint8(at)),
    write: (view, at, sample) => view.setUint8(at, toALaw(sample)),
  },
};

/** Samples of *buffer*, which holds them in *format* (pcm16, float32, pcmu, pcma). */
export function decode(buffer, format) {
  const { bytes, read } = FORMATS[format];
  const view = new DataView(buffer);
  return Float32Array.from({ length: Math.floor(buffer.byteLength / bytes) }, (_, n) => read(view, n * bytes));
}

/** What *samples* are in *format*. */
export function encode(samples, format) {
  const { bytes, write } = FORMATS[format];
  const view = new DataView(new ArrayBuffer(samples.length * bytes));
  samples.forEach((sample, n) => write(view, n * bytes, sample));
  return view.buffer;
}

/** What is in a WAV file of 8, 16, 24 or 32 bits or float32, mixed down; null: it is none. */
export function readWav(buffer) {
  const view = new DataView(buffer);
  const name = (at) => (at + 4 > view.byteLength ? "" : String.fromCharCode(...new Uint8Array(buffer, at, 4)));
  if (name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  let form = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = Math.min(view.getUint32(at + 4, true), view.byteLength - at - 8);
    if (name(at) === "fmt ") form = { at: at + 8, size };
    if (name(at) === "data" && form) return wavSamples(view, form, at + 8, size);
    at += 8 + size + (size & 1);
  }
  return null;
}

function wavSamples(view, form, start, size) {
  const kind = view.getUint16(form.at, true);
  const isFloat = (kind === 0xfffe && form.size >= 26 ? view.getUint16(form.at + 24, true) : kind) === 3;
  const channels = view.getUint16(form.at + 2, true);
  const rateHz = view.getUint32(form.at + 4, true);
  const bits = view.getUint16(form.at + 14, true);
  const read = {
    8: (at) => (view.getUint8(at) - 128) / 128,
    16: (at) => view.getInt16(at, true) / 32768,
    24: (at) => ((view.getUint16(at, true) << 8) | (view.getUint8(at + 2) << 24)) / 2147483648,
    32: (at) => (isFloat ? view.getFloat32(at, true) : view.getInt32(at, true) / 2147483648),
  }[bits];
  if (!read || !channels) return null;
  const frame = (bits / 8) * channels;
  const samples = new Float32Array(Math.floor(size / frame));
  for (let n = 0; n < samples.length; n++) {
    for (let channel = 0; channel < channels; channel++) {
      samples[n] += read(start + n * frame + (channel * bits) / 8) / channels;
    }
  }
  return { samples, rateHz };
}

// ---- Reading at any rate ----------------------------------------------------------------------

const HALF = 12;
const TAPS = 2 * HALF;
const PHASES = 128;

/** A sinc under a Blackman window, for PHASES places between two samples; *cutoff* 1: half the rate. */
function makeKernel(cutoff) {
  const rows = new Float32Array((PHASES + 1) * TAPS);
  for (let phase = 0; phase <= PHASES; phase++) {
    const row = rows.subarray(phase * TAPS, (phase + 1) * TAPS);
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const x = tap - HALF + 1 - phase / PHASES;
      const angle = (Math.PI * x) / HALF;
      const window = Math.abs(x) < HALF ? 0.42 + 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle) : 0;
      row[tap] = window * (x ? Math.sin(Math.PI * cutoff * x) / (Math.PI * x) : cutoff);
      sum += row[tap];
    }
    for (let tap = 0; tap < TAPS; tap++) row[tap] /= sum;
  }
  return rows;
}

/** A ring of samples that is read at any rate, which may change from sample to sample. */
export class Tape {
  constructor(size = 1 << 14) {
    this._ring = new Float32Array(size);
    this._mask = size - 1;
    this.written = 0;
    this.position = 0;
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
  write(samples, from = 0) {
    const count = Math.min(samples.length - from, this.room);
    for (let n = 0; n < count; n++) this._ring[this.written++ & this._mask] = samples[from + n];
    this._hush();
    return count;
  }

  /** Forget all that is more than *ahead* samples away. */
  cut(ahead) {
    this.written = Math.min(this.written, Math.max(0, Math.ceil(this.position + ahead)));
    this._hush();
  }

  /** The sample at the position, which moves on by *step*. */
  read(step) {
    const base = Math.floor(this.position);
    const phase = (this.position - base) * PHASES;
    const row = Math.floor(phase);
    const mix = phase - row;
    const at = row * TAPS;
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const here = this._kernel[at + tap];
      sum += this._ring[(base - HALF + 1 + tap) & this._mask] * (here + mix * (this._kernel[at + TAPS + tap] - here));
    }
    this.position += step;
    return sum;
  }

  _hush() {
    for (let n = 0; n < HALF; n++) this._ring[(this.written + n) & this._mask] = 0;
  }
}

/** A stream of samples at another rate. */
export class Converter {
  constructor(fromHz, toHz) {
    this._step = fromHz / toHz;
    this._tape = new Tape();
    this._tape.pitch(this._step);
  }

  /** What *samples* add at the new rate; *last*: nothing follows, so that what is held back comes too. */
  convert(samples, last = false) {
    if (this._step === 1) return samples;
    const out = [];
    const hold = last ? 0 : HALF;
    for (let from = 0; from < samples.length; ) {
      from += this._tape.write(samples, from);
      while (this._tape.left > (from < samples.length ? HALF : hold)) out.push(this._tape.read(this._step));
    }
    return Float32Array.from(out);
  }
}

// ---- What is played ---------------------------------------------------------------------------

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
    this._tape.cut(this._playing ? (FADE_MS / 1000) * (this._marks[0]?.rateHz ?? 0) : 0);
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
    this._playing = this._isWhole = false;
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
    const bound = (ratio) => Math.max(-MOST_DRIFT, Math.min(MOST_DRIFT, ratio));
    this._drift = bound(this._drift + 4e-6 * error);
    this._ratio = bound(this._drift + 4e-5 * error);
  }

  _mayStart(nowMs) {
    if (!this.bufferedMs) return false;
    return this._isWhole || nowMs >= this._first.resumed + this._first.waitMs;
  }

  /** Move pieces onto the tape. */
  _fill() {
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

// ---- Worklets ---------------------------------------------------------------------------------

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

const now = () => performance.now();

// ---- Microphone and loudspeaker ---------------------------------------------------------------

const PROBLEMS = {
  microphone_blocked:
    "The microphone is blocked for this page. Open the site settings beside the address, set Microphone to Allow, and come back.",
  microphone_missing: "There is no microphone. Plug one in, and the call goes on. You can type meanwhile.",
  microphone_busy: "Another program has the microphone. Close it there, then check again.",
  insecure_page: "This address may not use the microphone. Browsers allow it on https and on localhost only.",
  sound_blocked: "The sound is held back by your browser. Press anywhere to hear the answer.",
};

const KINDS = {
  NotAllowedError: "microphone_blocked",
  SecurityError: "microphone_blocked",
  NotFoundError: "microphone_missing",
  OverconstrainedError: "microphone_missing",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};

/** The page's sound: one AudioContext, at the device's own rate. */
class Sound {
  /** *hear* gets chunks of the microphone, *report* what the loudspeaker does, *problem* a kind. */
  constructor(options, { hear, report, problem }) {
    this._options = options;
    this._hear = hear;
    this._report = report;
    this._problem = problem;
    this._context = new AudioContext({ latencyHint: "interactive" });
    this.rateHz = this._context.sampleRate;
    this._wake = () => this._context.resume();
  }

  async load() {
    // Without https there are no worklets either, so that nothing at all would be heard.
    if (!this._context.audioWorklet) throw new CallError("insecure_page", PROBLEMS.insecure_page);
    await this._context.audioWorklet.addModule(this._options.moduleUrl ?? import.meta.url);
    const { jitterMs: waitMs, jitterMaxMs: mostMs, speaker } = this._options;
    if (!speaker) return;
    this._player = new AudioWorkletNode(this._context, "parley-playout", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { waitMs, mostMs },
    });
    this._player.port.onmessage = ({ data }) => this._report(data);
    this._player.connect(this._context.destination);
  }

  /** Let it sound; browsers do so only after the page was touched, or when the microphone is on. */
  start() {
    for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, this._wake);
    this._context.onstatechange = () => this._look();
    this._wake().catch(() => {});
    this._timer = setTimeout(() => this._look(), 500);
  }

  _look() {
    const isHeldBack = !["running", "closed"].includes(this._context.state);
    if (isHeldBack && !this._isHeldBack) this._problem("sound_blocked");
    this._isHeldBack = isHeldBack;
  }

  wake() {
    return this._wake();
  }

  post(order) {
    this._player?.port.postMessage(order, order.push ? [order.push.samples.buffer] : []);
  }

  /** What was played and has not reached the ear. */
  get delayMs() {
    return 1000 * ((this._context.outputLatency || 0) + (this._context.baseLatency || 0));
  }

  /** Take the microphone that *wanted* says, in place of the one before.  Throws CallError. */
  async listen(wanted) {
    const isOwn = !(wanted instanceof MediaStream);
    if (isOwn && !navigator.mediaDevices) throw new CallError("insecure_page", PROBLEMS.insecure_page);
    const stream = isOwn ? await this._ask(wanted) : wanted;
    this.deafen();
    this._source = this._context.createMediaStreamSource(stream);
    this._microphone = new AudioWorkletNode(this._context, "parley-microphone", {
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this._microphone.port.onmessage = ({ data }) => this._hear(data);
    this._source.connect(this._microphone).connect(this._context.destination); // it says nothing there
    this._tracks = isOwn ? stream.getTracks() : [];
    for (const track of stream.getAudioTracks()) track.onended = () => this._problem("microphone_missing");
  }

  async _ask(wanted) {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, ...(wanted === true ? {} : wanted) } });
    } catch (error) {
      const kind = KINDS[error.name] ?? "microphone_missing";
      throw new CallError(kind, PROBLEMS[kind]);
    }
  }

  get isListening() {
    return Boolean(this._microphone);
  }

  async decode(buffer) {
    const sound = await this._context.decodeAudioData(buffer);
    const mixed = new Float32Array(sound.length);
    for (let channel = 0; channel < sound.numberOfChannels; channel++) {
      sound.getChannelData(channel).forEach((sample, n) => (mixed[n] += sample / sound.numberOfChannels));
    }
    return { samples: mixed, rateHz: sound.sampleRate };
  }

  /** Ask for what was heard so far; null follows it. */
  finish() {
    this._microphone?.port.postMessage(null);
    return Boolean(this._microphone);
  }

  deafen() {
    for (const track of this._tracks ?? []) {
      track.onended = null;
      track.stop();
    }
    this._source?.disconnect();
    this._microphone?.disconnect();
    this._microphone = null;
  }

  /** Resolves when trying again makes sense after a problem of this *kind*. */
  async changed(kind, signal) {
    const permission = await navigator.permissions?.query({ name: "microphone" }).catch(() => null);
    await new Promise((resolve) => {
      const watch = (what, name) => what?.addEventListener(name, resolve, { once: true, signal });
      if (kind === "microphone_blocked") watch(permission, "change");
      if (kind === "microphone_missing") watch(navigator.mediaDevices, "devicechange");
      signal.addEventListener("abort", resolve, { once: true });
    });
  }

  async useSpeaker(deviceId) {
    if (!this._context.setSinkId) {
      throw new CallError("not_supported", "This browser takes the loudspeaker that the system has chosen.");
    }
    await this._context.setSinkId(deviceId);
  }

  async close() {
    clearTimeout(this._timer);
    for (const touch of ["pointerdown", "keydown"]) document.removeEventListener(touch, this._wake);
    this.deafen();
    if (this._context.state !== "closed") await this._context.close();
  }
}

// ---- What a close code means (docs/protocol.md, section 5) ------------------------------------

const TRIES = 6;
const AGAIN = 1; // with back-off
const SOON = 2; // at once, the first time
const NEVER = 3;

const CLOSES = {
  1000: [NEVER, "The call has ended."],
  1001: [SOON, "This server is being stopped; another one takes the call."],
  1002: [NEVER, "What was sent broke the rules of WebSocket."],
  1007: [NEVER, "What was sent is no text."],
  1009: [NEVER, "What was sent is too large."],
  1011: [AGAIN, "The gateway had a fault of its own."],
  1013: [AGAIN, "The gateway is busy."],
  4400: [NEVER, "The gateway does not take what was asked for."],
  4401: [NEVER, "The gateway refused the token."],
  4403: [NEVER, "This page may not connect."],
  4408: [AGAIN, "Nothing was heard from here for too long."],
  4409: [NEVER, "The call goes on at another place."],
  4410: [SOON, "The token has expired. A fresh one is on its way."],
  4429: [AGAIN, "Too many calls."],
  4502: [AGAIN, "The model cannot be reached."],
  4504: [SOON, "The model has ended this session. A new one begins."],
};

/**
 * What to do after a close: `delayMs` until the next try, null for none, and a sentence.
 * *error* is the data of the `error` that came before, *attempt* the number of the next try, from 1.
 */
export function afterClose({ closeCode, error = null, attempt, random = Math.random() }) {
  const [rule, meaning] = CLOSES[closeCode] ?? [error?.retryable === false ? NEVER : AGAIN, "The connection dropped."];
  const sentence = error?.sentence || meaning;
  const isFinal = rule === NEVER || (closeCode === 4502 && error?.retryable === false);
  if (isFinal || attempt > TRIES) return { delayMs: null, sentence };
  const backOffMs = rule === SOON && attempt === 1 ? 0 : 250 * 2 ** (attempt - 1) * (0.8 + 0.4 * random);
  return { delayMs: Math.max(error?.retry_after_ms ?? 0, Math.round(backOffMs)), sentence };
}

// ---- The call ---------------------------------------------------------------------------------

/** Something that was asked for and did not come about: `message` is a sentence for people. */
export class CallError extends Error {
  constructor(code, sentence, { field = undefined, retryable = false } = {}) {
    super(sentence);
    Object.assign(this, { name: "CallError", code, field, retryable });
  }
}

const HAS_PAGE = typeof AudioContext === "function";

/** Begin a call.  @param {Options} options */
export function connect(options) {
  return new Call(options);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Call {
  constructor(options) {
    const defaults = { microphone: HAS_PAGE, speaker: HAS_PAGE, talk: "open", reconnect: true, jitterMs: "auto" };
    this._options = { ...defaults, jitterMaxMs: 300, ...options };
    this._parameters = { input_format: "pcm16", output_format: "pcm16", output_rate: 24000 };
    if (this._options.talk === "push_to_talk") this._parameters.turn_detection = "none";
    Object.assign(this._parameters, this._options.parameters);
    this._listeners = {};
    this._tools = new Map();
    this._calls = new Map();
    this._asked = new Map(); // what `configure` waits for, by id
    this._inForce = {}; // what was configured, for a session that comes after this one
    this._items = new Map();
    this._outbox = [];
    this._levels = { you: SILENCE_DB, model: SILENCE_DB };
    this._number = this._epoch = this._attempt = this._lastSeq = 0;
    this._allowance = { ms: AT_ONCE_MS, at: now() };
    this.state = "idle";
    this.sessionId = "";
    this.muted = this.speaking = false;
    this.negotiated = null;
    this.stats = { latencies: [], droppedMs: 0, underruns: 0, bufferedMs: 0, keptMs: 0, reconnects: 0 };
    this.ready = new Promise((resolve, reject) => Object.assign(this, { _resolve: resolve, _reject: reject }));
    this.ready.catch(() => {});
    this._register(this._options.tools ?? []);
    this._openSound();
    queueMicrotask(() => this._begin().catch((error) => this._end(error)));
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

  _enter(state, sentence, more = {}) {
    this.state = state;
    this._emit("status", { state, sentence, ...more });
  }

  // Opening.

  _openSound() {
    const { microphone, speaker, jitterMs, jitterMaxMs } = this._options;
    const report = (told) => this._report(told);
    if (HAS_PAGE && (microphone || speaker)) {
      const hear = (samples) => this._hear(samples);
      this._sound = new Sound(this._options, { hear, report, problem: (kind) => this._trouble(kind) });
    }
    if (!HAS_PAGE || !speaker) this._quiet = new Quiet(24000, { waitMs: jitterMs, mostMs: jitterMaxMs }, report);
    this._parameters.input_rate ??= this._sound?.rateHz ?? 24000;
  }

  async _begin() {
    for (const format of [this._parameters.input_format, this._parameters.output_format]) {
      if (!FORMATS[format]) {
        throw new CallError("unsupported_format", `parley.js speaks ${Object.keys(FORMATS).join(", ")}, not ${format}.`);
      }
    }
    await this._sound?.load();
    if (this._options.microphone && this._sound) {
      this._enter("asking", "Your browser is asking whether Parley may hear you. Choose Allow, and the call begins.");
      await this._listen(this._options.microphone);
    }
    this._sound?.start();
    if (this.state !== "ended") await this._dial();
  }

  /** Have the microphone, as soon as there is one; until then it is a problem that is told. */
  async _listen(wanted) {
    for (;;) {
      try {
        return await this._sound.listen(wanted);
      } catch (error) {
        this._emit("problem", { kind: error.code, sentence: error.message });
        this._waiting?.abort();
        const waiting = (this._waiting = new AbortController());
        await this._sound.changed(error.code, waiting.signal);
        if (waiting.typed || this.state === "ended") return undefined;
      }
    }
  }

  _trouble(kind) {
    if (kind === "microphone_missing") this._listen(this._options.microphone); // it was pulled out
    else this._emit("problem", { kind, sentence: PROBLEMS[kind] });
  }

  async _dial() {
    clearTimeout(this._timer);
    if (!this._attempt) this._enter("connecting", "Connecting.");
    let token;
    try {
      token = await this._options.getToken();
    } catch (error) {
      return this._closed({ code: 1006 }, { code: "token_missing", sentence: `There is no token: ${error.message}` });
    }
    if (this.state === "ended") return undefined;
    const socket = (this._socket = new WebSocket(this._url(), ["voice.v1", `bearer.${token}`]));
    socket.binaryType = "arraybuffer";
    this._isOpen = this._isTold = false;
    this._lastError = null;
    const late = setTimeout(() => this._closed({ code: 1006 }), 15_000);
    socket.onopen = () => clearTimeout(late);
    socket.onmessage = ({ data }) => socket === this._socket && this._message(data);
    socket.onclose = (event) => {
      clearTimeout(late);
      if (socket === this._socket) this._closed(event);
    };
    return undefined;
  }

  _url() {
    const url = new URL(this._options.url || "/ws", import.meta.url);
    url.protocol = url.protocol.replace("http", "ws");
    if (url.pathname === "/") url.pathname = "/ws";
    const resume = this._resumeToken ? { resume: this._resumeToken, last_seq: this._lastSeq } : {};
    const asked = { ...this._parameters, input_channels: 1, output_encoding: "binary", ...resume };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return url;
  }

  // Ending, and beginning again.

  _closed({ code }, error = this._lastError) {
    if (this.state === "ended") return;
    const wasOpen = this._isOpen && now() - this._openedAt > 10_000;
    this._socket = null;
    this._isOpen = this._isTold = false;
    this._attempt = wasOpen ? 1 : this._attempt + 1;
    this._lostAt ??= now();
    this._expected = this._deafTo = null;
    if (!this._resumeToken) this._forget();
    const { delayMs, sentence } = afterClose({ closeCode: code, error, attempt: this._attempt });
    const more = { code: error?.code, closeCode: code };
    if (delayMs === null || !this._options.reconnect) {
      this._end(new CallError(error?.code ?? "closed", sentence, error ?? {}), more);
      return;
    }
    this._enter("reconnecting", sentence, { ...more, attempt: this._attempt, retryInMs: delayMs });
    this._timer = setTimeout(() => this._dial(), delayMs);
  }

  /** The session is gone, and what was open in it. */
  _forget() {
    this._speaker({ end: true });
    for (const id of this._calls.keys()) this._cancel(id);
    for (const { reject } of this._asked.values()) {
      reject(new CallError("upstream_unavailable", "The connection was lost before this was taken.", { retryable: true }));
    }
    this._asked.clear();
    this._resumeToken = null;
    this._lastSeq = 0;
  }

  _end(error, more = {}) {
    if (this.state === "ended") return;
    this._reject(error ?? new CallError("closed", "The call was ended."));
    this._forget();
    this._flush();
    clearTimeout(this._timer);
    this._waiting?.abort();
    this._quiet?.close();
    this._sound?.close();
    this._socket?.close(1000);
    this._socket = null;
    this._enter("ended", error?.message ?? "The call has ended.", { code: error?.code, ...more });
  }

  async close() {
    this._end(null);
    await pause(0);
  }

  /** Try now what is waited for: the microphone, or the connection. */
  retry() {
    this._waiting?.abort();
    if (this.state === "reconnecting" && !this._socket) this._dial();
  }

  /** Begin without the microphone that is waited for. */
  typeOnly() {
    if (!this._waiting) return;
    this._waiting.typed = true;
    this._waiting.abort();
  }

  // What the gateway says.

  _message(data) {
    if (typeof data !== "string") return this._binary(data);
    const said = JSON.parse(data);
    this._lastSeq = said.seq;
    this._note("in", said.type, data);
    this[`_on_${said.type}`]?.(said.data, said);
    return undefined;
  }

  _binary(data) {
    this._note("in", "audio", undefined, data.byteLength);
    const header = this._expected;
    this._expected = null;
    if (header && header.size === data.byteLength) this._answer(header, data);
  }

  _on_connection_status(data) {
    const { status, negotiated } = data;
    if (negotiated) {
      this.negotiated = negotiated;
      this.sessionId = data.session_id;
      if (this._resumeToken && !data.resumed) this._forget();
      this._resumeToken = data.resume_token;
      this._isTold = true;
      if (!data.resumed) this._introduce();
    }
    if (data.context_lost) this._isForgotten = true;
    if (status === "reconnecting") {
      this._lostAt ??= now();
      this._enter("reconnecting", "The model was lost and is called again. Please go on talking.", data);
    }
    if (status === "connected") this._connected(data);
    else this._drain();
  }

  _connected({ resumed }) {
    const isFirst = !this._openedAt;
    this._openedAt = now();
    this._isOpen = true;
    const isNew = this._attempt > 0 && !isFirst && !resumed;
    const contextLost = isNew || Boolean(this._isForgotten);
    const gap = this._lostAt === undefined ? "" : ` after ${((now() - this._lostAt) / 1000).toFixed(1)} s`;
    if (!isFirst) this.stats.reconnects++;
    const back = contextLost ? "The model starts afresh and has forgotten all of this." : "Nothing was lost.";
    this._lostAt = undefined;
    this._isForgotten = false;
    this._enter("connected", isFirst ? "Connected." : `The line is back${gap}. ${back}`, { contextLost });
    this._resolve();
    this._drain();
  }

  /** Tell a new session what the page can do, and what was set before. */
  _introduce() {
    const fields = { ...this._inForce };
    const told = [...this._tools.values()].filter((tool) => tool.description);
    if (told.length) fields.tools = told.map(definition);
    if (!Object.keys(fields).length) return;
    const { promise } = this._ask(fields, (message) => this._post(message));
    promise.catch(({ code, message, retryable, field }) => {
      if (this._isTold) this._emit("error", { code, sentence: message, retryable, field });
    });
  }

  _on_configured({ ref, ...data }) {
    this.negotiated = { ...this.negotiated, ...data };
    this._settle(ref, ({ resolve, fields }) => {
      const { history, ...kept } = fields;
      Object.assign(this._inForce, kept);
      resolve(data);
    });
  }

  _on_error(data, { error: sentence }) {
    this._lastError = { ...data, sentence };
    if (data.ref !== undefined && data.ref === this._deafTo) this._deafTo = null;
    const { code, retryable, field } = data;
    if (this._settle(data.ref, ({ reject }) => reject(new CallError(code, sentence, data)))) return;
    this._emit("error", { code, sentence, retryable, field });
  }

  _settle(ref, how) {
    const asked = this._asked.get(ref);
    if (!asked) return false;
    this._asked.delete(ref);
    how(asked);
    this._drain();
    return true;
  }

  _on_speech_started({ item_id }) {
    this._emit("speech", { active: true, itemId: item_id });
  }

  _on_speech_stopped({ item_id }) {
    this._turnAt = now();
    this._isTurnOver = true;
    this._emit("speech", { active: false, itemId: item_id });
  }

  _on_audio_committed() {
    this._isTurnOver = true;
  }

  _on_transcript({ role, item_id, text, final, delta = "" }) {
    const event = { role, itemId: item_id, text, final, delta };
    if (role === "assistant") {
      const item = this._item(item_id);
      item.text = text;
      if (item.heardMs !== undefined) event.heardChars = heardChars(item);
    }
    this._emit("transcript", event);
  }

  _on_response_started({ response_id }) {
    this._emit("response", { responseId: response_id, status: "started" });
  }

  _on_response_done({ response_id, status, continues }) {
    this._speaker({ end: true });
    this._emit("response", { responseId: response_id, status, continues });
  }

  _on_interrupted({ item_id, heard_ms, ref }) {
    if (ref === undefined || ref !== this._deafTo) this._flush();
    this._deafTo = null;
    this._emit("interrupted", { itemId: item_id, heardMs: heard_ms });
  }

  _on_audio(data) {
    if (data.wait) this._waits = { id: data.response_id, ...data.wait };
    if (data.size !== undefined) this._expected = data;
    else this._answer(data, Uint8Array.from(atob(data.audio), (letter) => letter.charCodeAt(0)).buffer);
  }

  async _on_token_expiring() {
    if (!this._resumeToken) return; // this gateway cannot take another; 4410 follows, and a new call
    this._post({ type: "refresh_token", token: await this._options.getToken() });
  }

  _on_going_away({ deadline }) {
    this._emit("status", { state: this.state, sentence: "This server will be stopped; the call moves on.", code: "going_away" });
    this._leaveAt = deadline;
  }

  // The answer, and what is heard of it.

  _item(id) {
    let item = this._items.get(id);
    if (!item) this._items.set(id, (item = { id, receivedMs: 0, playedMs: 0, text: "" }));
    if (this._items.size > 64) this._items.delete(this._items.keys().next().value);
    return item;
  }

  _answer({ item_id: itemId, response_id: responseId, offset_ms: offsetMs }, data) {
    if (this._deafTo) return;
    const { format, rate_hz: rateHz } = this.negotiated.output;
    const samples = decode(data, format);
    const item = this._item(itemId);
    item.receivedMs = offsetMs + (1000 * samples.length) / rateHz;
    const piece = { itemId, responseId, offsetMs, rateHz, samples };
    this._emit("audio", { ...piece, samples: samples.slice() });
    this._speaker({ push: piece });
  }

  _speaker(order) {
    if (this._quiet) this._quiet.post(order);
    else this._sound?.post(order);
  }

  /** Nothing of what was queued is heard any more. */
  _flush() {
    this._speaker({ flush: ++this._epoch });
    const heard = this._heard();
    this._playing = null;
    this.speaking = false;
    if (!heard) return heard;
    const item = this._item(heard.itemId);
    item.heardMs = heard.heardMs;
    this._emit("playback_ended", { ...heard, interrupted: true });
    if (item.text) this._emit("transcript", { role: "assistant", itemId: item.id, text: item.text, final: true, delta: "", heardChars: heardChars(item) });
    return heard;
  }

  /** What has reached the ear of the item that plays; null: none does. */
  _heard() {
    if (!this._playing) return null;
    const { itemId, playedMs, at } = this._playing;
    const heardMs = playedMs + now() - at - (this._quiet ? 0 : this._sound.delayMs);
    return { itemId, heardMs: Math.round(Math.max(0, Math.min(heardMs, this._item(itemId).receivedMs))) };
  }

  _report({ epoch, events, now: place, bufferedMs, level: loudness, leftOut }) {
    if (leftOut) this.stats.droppedMs += (1000 * leftOut.samples.length) / leftOut.rateHz;
    if (leftOut || epoch !== this._epoch) return;
    for (const event of events) this[`_sound_${event.type}`](event);
    this.stats.bufferedMs = bufferedMs;
    if (place) this._place(place);
    this._levels.model = loudness;
    this._emit("level", this.levels());
  }

  _sound_started({ itemId, responseId }) {
    this.speaking = true;
    this._emit("speaking", { itemId, responseId });
    if (this._turnAt === undefined) return;
    const wait = this._waits?.id === responseId ? this._waits : {};
    const turn = { responseId, totalMs: now() - this._turnAt + (this._sound?.delayMs ?? 0) };
    if (wait.model_ms !== undefined) {
      Object.assign(turn, { modelMs: wait.model_ms, gatewayMs: wait.gateway_ms, toolsMs: wait.tools_ms });
      turn.wayMs = Math.max(0, turn.totalMs - wait.model_ms - wait.gateway_ms - (wait.tools_ms ?? 0));
    }
    this._turnAt = undefined;
    this.stats.latencies = [...this.stats.latencies.slice(-99), turn];
    this._emit("latency", turn);
  }

  _sound_ended({ itemId, playedMs }) {
    this.speaking = false;
    this._playing = null;
    this._tell(itemId, playedMs);
    this._emit("playback_ended", { itemId, heardMs: Math.round(playedMs), interrupted: false });
  }

  _sound_underrun() {
    this.stats.underruns++;
  }

  _place({ itemId, playedMs }) {
    this._playing = { itemId, playedMs, at: now() };
    const { heardMs } = this._heard();
    if (now() - (this._toldAt ?? 0) > 240) this._tell(itemId, heardMs);
    else this._emit("playback", { itemId, playedMs: heardMs, receivedMs: this._item(itemId).receivedMs });
  }

  _tell(itemId, playedMs) {
    this._toldAt = now();
    this._item(itemId).playedMs = playedMs;
    this._emit("playback", { itemId, playedMs, receivedMs: this._item(itemId).receivedMs });
    if (this._isTold) this._post({ type: "playback", item_id: itemId, played_ms: Math.round(playedMs) });
  }

  // What the user says.

  _hear(samples) {
    if (!samples) return this._release();
    this._levels.you = dbfs(samples);
    const isHeard = !this._isFile && (this._isOpenMic() || this._held);
    if (isHeard && samples.length) this._say(this.muted ? new Float32Array(samples.length) : samples, this._sound.rateHz);
    return undefined;
  }

  _isOpenMic() {
    return (this.negotiated?.turn_detection ?? this._parameters.turn_detection) !== "none";
  }

  _say(samples, rateHz) {
    if (this._held) this._heldMs += (1000 * samples.length) / rateHz;
    const ms = (1000 * samples.length) / rateHz;
    this._outbox.push({ samples, rateHz, ms });
    this.stats.keptMs += ms;
    for (let n = 0; this.stats.keptMs > KEPT_MS && n < this._outbox.length; ) {
      if (!this._outbox[n].ms) { n++; continue; }
      this.stats.droppedMs += this._outbox[n].ms;
      this.stats.keptMs -= this._outbox.splice(n, 1)[0].ms;
    }
    this._drain();
  }

  /** An order that takes its place behind the speech before it. */
  _order(message) {
    if (this.state === "ended") return;
    if (this._outbox.filter(({ ms }) => !ms).length >= ORDERS) {
      throw new CallError("not_connected", "Too much waits for the connection.", { retryable: true });
    }
    this._outbox.push({ message });
    this._drain();
  }

  /** Send what may be sent: all that is spoken now, and what was kept at some times its speed. */
  _drain() {
    clearTimeout(this._later);
    const { _outbox: outbox, _allowance: allowance } = this;
    allowance.ms = Math.min(AT_ONCE_MS, allowance.ms + 3 * (now() - allowance.at));
    allowance.at = now();
    while (outbox.length && this._isTold && !this._isChanging()) {
      if (allowance.ms < 0 || this._socket.bufferedAmount > 262_144) {
        this._later = setTimeout(() => this._drain(), 50);
        return;
      }
      const { message, samples, rateHz, ms } = outbox.shift();
      if (message) this._post(message);
      else this._send(samples, rateHz);
      allowance.ms -= ms ?? 0;
      this.stats.keptMs -= ms ?? 0;
    }
  }

  /** The format of the way in is about to be another. */
  _isChanging() {
    return [...this._asked.values()].some(({ fields }) => Object.keys(fields).some((name) => name.startsWith("input_")));
  }

  _send(samples, rateHz) {
    const { format, rate_hz: toHz } = this.negotiated.input;
    if (this._converter?.key !== `${rateHz} ${toHz}`) {
      this._converter = Object.assign(new Converter(rateHz, toHz), { key: `${rateHz} ${toHz}` });
    }
    const frame = encode(this._converter.convert(samples), format);
    if (!frame.byteLength) return;
    this._socket.send(frame);
    this._note("out", "audio", undefined, frame.byteLength);
  }

  _post(message) {
    const text = JSON.stringify(message);
    this._socket?.send(text);
    this._note("out", message.type, "token" in message ? undefined : text);
  }

  _note(direction, type, text, bytes = text?.length) {
    if (this._listeners.message?.size) this._emit("message", { direction, at: Date.now(), type, text, bytes });
  }

  _id() {
    return `p${++this._number}`;
  }

  say(text) {
    const id = this._id();
    this._order({ type: "text", text, id });
    this._turnAt = now();
    this._emit("transcript", { role: "user", itemId: id, text, final: true, delta: text });
  }

  interrupt() {
    const heard = this._flush();
    if (!this._isTold) return;
    this._deafTo = this._id();
    const truth = heard ? { item_id: heard.itemId, heard_ms: heard.heardMs } : {};
    this._post({ type: "interrupt", ...truth, id: this._deafTo });
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
    if (this._held && !this._sound?.finish()) this._held = false;
  }

  /** All that was said while the button was held is on its way. */
  _release() {
    if (!this._held) return;
    this._held = false;
    if (this._heldMs >= 100) return this._commit();
    this._order({ type: "clear_audio", id: this._id() });
    this._emit("error", { code: "audio_buffer_empty", sentence: "Hold it for as long as you speak.", retryable: false });
  }

  _commit() {
    this._order({ type: "commit_audio", id: this._id() });
    this._turnAt = now();
  }

  async play(file, rateHz = 24000) {
    const speech = file instanceof Float32Array ? { samples: file, rateHz } : await this._read(file);
    this._isFile = true;
    this._isTurnOver = false;
    try {
      await this._pace(speech.samples, speech.rateHz, () => false);
      if (!this._isOpenMic()) this._commit();
      else if (!this._sound?.isListening) await this._pace(new Float32Array(5 * speech.rateHz), speech.rateHz, () => this._isTurnOver);
    } finally {
      this._isFile = false;
    }
  }

  /** Say *samples* as fast as they would be spoken. */
  async _pace(samples, rateHz, isEnough) {
    const size = Math.round((rateHz * CHUNK_MS) / 1000);
    const begun = now();
    for (let at = 0; at < samples.length && !isEnough() && this.state !== "ended"; at += size) {
      this._levels.you = dbfs(samples.subarray(at, at + size));
      this._say(samples.slice(at, at + size), rateHz);
      await pause(begun + (1000 * (at + size)) / rateHz - now());
    }
  }

  async _read(file) {
    const buffer = file instanceof ArrayBuffer ? file : await file.arrayBuffer();
    const speech = readWav(buffer) ?? (await this._sound?.decode(buffer).catch(() => null));
    if (!speech) throw new CallError("unsupported_format", "This file is no sound that can be read here.");
    return speech;
  }

  // Settings, tools, devices.

  /** Send a `configure`; its answer is the promise. */
  _ask({ tools, ...fields }, send) {
    const id = this._id();
    if (tools) fields.tools = tools;
    const promise = new Promise((resolve, reject) => this._asked.set(id, { resolve, reject, fields }));
    send({ type: "configure", ...fields, id });
    return { promise };
  }

  async configure(fields) {
    const asked = { ...fields };
    if (asked.tools) {
      this._register(asked.tools);
      asked.tools = asked.tools.map(definition);
    }
    return this._ask(asked, (message) => this._order(message)).promise;
  }

  _register(tools) {
    for (const tool of tools) this._tools.set(tool.name, tool);
  }

  async _on_tool_call({ call_id: callId, name, arguments: args }) {
    const controller = new AbortController();
    const call = { name, arguments: args, controller, begun: now() };
    this._calls.set(callId, call);
    this._emit("tool", { callId, name, arguments: args, status: "running" });
    let result = {};
    try {
      const tool = this._tools.get(name);
      if (!tool) throw new Error(`This page has no function ${name}.`);
      result = { output: (await tool.run(args, { callId, signal: controller.signal })) ?? "done" };
    } catch (error) {
      result = { output: String(error?.message ?? error), is_error: true };
    }
    if (!this._calls.delete(callId)) return; // it was cancelled meanwhile
    this._post({ type: "tool_result", call_id: callId, ...result, id: this._id() });
    const status = result.is_error ? "failed" : "done";
    this._emit("tool", { callId, name, arguments: args, status, result: result.output, ms: now() - call.begun });
  }

  _on_tool_call_cancelled({ call_id }) {
    this._cancel(call_id);
  }

  _cancel(callId) {
    const call = this._calls.get(callId);
    if (!call) return;
    this._calls.delete(callId);
    call.controller.abort();
    this._emit("tool", { callId, name: call.name, arguments: call.arguments, status: "cancelled", ms: now() - call.begun });
  }

  levels() {
    return { ...this._levels };
  }

  async devices() {
    const all = (await globalThis.navigator?.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind) => all.filter((device) => device.kind === kind);
    return { microphones: of("audioinput"), speakers: of("audiooutput") };
  }

  async useMicrophone(deviceId) {
    this._options.microphone = { deviceId: { exact: deviceId } };
    await this._sound.listen(this._options.microphone);
  }

  async useSpeaker(deviceId) {
    await this._sound.useSpeaker(deviceId);
  }

  async resumeSound() {
    await this._sound?.wake();
  }
}

const definition = ({ name, description, parameters }) => ({ type: "function", name, description, parameters });

/** How much of an item's text was heard, by the part of its sound that was. */
const heardChars = ({ text, heardMs, receivedMs }) =>
  receivedMs ? Math.round(text.length * Math.min(1, heardMs / receivedMs)) : 0;
