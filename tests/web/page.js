/** The page of the tests: a call, all its events, and a microphone that says what a test tells it. */

const NAMES = "status transcript speech speaking playback playback_ended interrupted response latency tool error problem audio";
const gateway = new URLSearchParams(location.search).get("gateway");
const { connect } = await import(`${gateway}/parley.js`);

window.log = [];
window.events = (name) => window.log.filter(({ kind }) => kind === name);

window.start = (options, run = {}) => {
  window.log = [];
  window.recorded = [];
  const tools = (options.tools ?? []).map((tool) => ({ ...tool, run: run[tool.name] }));
  window.call = connect({ getToken: () => window.token, ...options, tools });
  for (const name of NAMES.split(" ")) {
    window.call.on(name, (event) => {
      const { currentTime = 0, sampleRate = 0 } = window.context ?? {};
      window.log.push({ frame: Math.round(currentTime * sampleRate), ...event, kind: name });
    });
  }
};

/** A microphone of the page's own, which is silent until `window.speak`. */
window.microphone = (rateHz) => {
  const context = new AudioContext();
  const stream = context.createMediaStreamDestination();
  window.speak = (samples) => {
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: rateHz });
    buffer.copyToChannel(Float32Array.from(samples), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(stream);
    source.start();
  };
  return stream.stream;
};

/** All that came of an item. */
window.soundOf = (itemId) => window.events("audio").filter((event) => event.itemId === itemId).flatMap(({ samples }) => [...samples]);

/** All that was played, and the frame at which it begins. */
window.played = () => ({ frame: window.recorded[0]?.frame ?? 0, samples: window.recorded.flatMap(({ samples }) => [...samples]) });

window.isLoaded = true;
