/**
 * Keeps what the page plays: whatever is connected to the loudspeaker goes here as well.
 *
 * `mark()` notes the frame at which the thread of the sound comes to it, as to any order that it was
 * given before; so what is measured from there is the same on a machine that is busy.
 */

if (typeof registerProcessor === "function") {
  registerProcessor("recorder", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.port.onmessage = () => this.port.postMessage({ marked: currentFrame });
    }

    process([[heard]]) {
      if (heard) this.port.postMessage({ frame: currentFrame, samples: heard.slice() });
      return true;
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
        if (data.samples) window.recorded.push(data);
        else window.marks.push(data.marked);
      };
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
