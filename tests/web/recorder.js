/**
 * Keeps what the page plays: whatever is connected to the loudspeaker goes here as well.
 *
 * `mark()` notes the frame at which the thread of the sound comes to it, as to any order that it was
 * given before; so what is measured from there is the same on a machine that is busy.
 *
 * It is told of in pieces of a tenth of a second: one for each 3 ms cost more than all else of a call.
 */

/** Whole blocks of 128. */
const PIECE_FRAMES = 4096;

if (typeof registerProcessor === "function") {
  registerProcessor("recorder", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this._samples = new Float32Array(PIECE_FRAMES);
      this._count = 0;
      this.port.onmessage = ({ data }) => {
        if (data === "flush") this._flush(true);
        else this.port.postMessage({ marked: currentFrame });
      };
    }

    process([[heard]]) {
      if (!heard) this._flush();
      else {
        if (!this._count) this._frame = currentFrame;
        this._samples.set(heard, this._count);
        this._count += heard.length;
        if (this._count === PIECE_FRAMES) this._flush();
      }
      return true;
    }

    /** *isAsked*: whether somebody waits for it. */
    _flush(isAsked = false) {
      if (!this._count && !isAsked) return;
      this.port.postMessage({ frame: this._frame, samples: this._samples.slice(0, this._count), isAsked });
      this._count = 0;
    }
  });
} else {
  const connect = AudioNode.prototype.connect;
  const mixes = new Map();
  window.recorded = [];
  window.marks = [];

  const mixOf = (context) => {
    const mix = new GainNode(context);
    window.context = context;
    context.audioWorklet.addModule("/recorder.js").then(() => {
      const recorder = new AudioWorkletNode(context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
      recorder.port.onmessage = ({ data }) => {
        if (!data.samples) window.marks.push(data.marked);
        else if (data.samples.length) window.recorded.push(data);
        if (data.isAsked) flushed.shift()();
      };
      const flushed = [];
      window.flush = () => new Promise((resolve) => {
        flushed.push(resolve);
        recorder.port.postMessage("flush");
      });
      window.mark = () => recorder.port.postMessage(null);
      connect.call(mix, recorder);
      connect.call(recorder, context.destination);
    }, (error) => {
      if (context.state !== "closed") throw error; // a call that was refused at once is heard by nobody
    });
    return mix;
  };

  AudioNode.prototype.connect = function (to, ...rest) {
    if (to === this.context.destination) {
      if (!mixes.has(this.context)) mixes.set(this.context, mixOf(this.context));
      connect.call(this, mixes.get(this.context));
    }
    return connect.call(this, to, ...rest);
  };
}
