/** The page of the tests: a call, all its events, and a microphone that says what a test tells it. */

const NAMES = "status transcript speech speaking playback playback_ended interrupted response latency tool error problem audio";
const gateway = new URLSearchParams(location.search).get("gateway");
const { connect } = await import(`${gateway}/parley.js`);

window.log = [];
window.events = (name) => window.log.filter(({ kind }) => kind === name);

window.start = (options, run = {}) => {
  window.log = [];
  window.recorded = [];
  window.marks = [];
  const tools = (options.tools ?? []).map((tool) => ({ ...tool, run: run[tool.name] }));
  window.call = connect({ getToken: () => window.token, ...options, tools });
  for (const name of NAMES.split(" ")) {
    window.call.on(name, (event) => {
      window.log.push({ ...event, kind: name });
      if (name === "interrupted") window.mark?.();
    });
  }
};

/** Of audio that goes to the gateway; for `message`. */
window.countFrame = ({ direction, type }) => {
  if (direction === "out" && type === "audio") window.sentFrames += 1;
};

/** Sound goes to the test and comes from it as base64: of a million numbers, JSON is slow. */
const base64 = (blocks) => {
  const whole = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  let bytes = "";
  for (at = 0; at < whole.length; at += 8192) {
    bytes += String.fromCharCode(...new Uint8Array(whole.slice(at, at + 8192).buffer));
  }
  return btoa(bytes);
};
const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);

/** A microphone of the page's own, which is silent until `window.speak`; `isSpoken` when all was said. */
window.microphone = (rateHz) => {
  const context = new AudioContext();
  const stream = context.createMediaStreamDestination();
  window.speak = (sound) => {
    const samples = floats(sound);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: rateHz });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(stream);
    source.onended = () => { window.isSpoken = true; };
    source.start();
  };
  return stream.stream;
};

/** All that came of an item. */
window.soundOf = (itemId) =>
  base64(window.events("audio").filter((event) => event.itemId === itemId).map(({ samples }) => samples));

/** All that was played, and the frame at which it begins; asked for while the call still runs. */
window.played = async () => {
  await window.flush?.();
  return { frame: window.recorded[0]?.frame ?? 0, sound: base64(window.recorded.map(({ samples }) => samples)) };
};

window.isLoaded = true;
