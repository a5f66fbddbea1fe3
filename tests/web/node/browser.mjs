/** A browser's sound, as far as parley.js asks for it; imported before the module that looks whether there is one. */

import { awaited } from "./begun.mjs";

export const browser = {
  asked: [], // for a microphone, each with `resolve` and `reject`
  contexts: [],
  listeners: new Set(), // of the document
  load: () => Promise.resolve(),

  /** A microphone that is given to whoever asked. */
  track() {
    const track = { isLive: true, stop: () => (track.isLive = false), onended: null };
    return track;
  },
};

class Stream {
  constructor(track) {
    this.getTracks = () => [track];
  }
}

/** Give a microphone to who asked first. */
browser.give = () => {
  const track = browser.track();
  browser.asked.shift().resolve(new Stream(track));
  return track;
};

class Node {
  constructor(context, name) {
    Object.assign(this, { context, name, posted: [], isConnected: true });
    this.port = { postMessage: (message) => this.posted.push(message) };
    context?.nodes.push(this);
  }

  connect() {}

  disconnect() {
    this.isConnected = false;
  }
}

class Context {
  constructor() {
    Object.assign(this, { state: "running", sampleRate: 48_000, nodes: [], outputLatency: 0, baseLatency: 0 });
    this.audioWorklet = { addModule: () => browser.load() };
    browser.contexts.push(this);
  }

  _check() {
    if (this.state === "closed") throw new DOMException("The context is closed.", "InvalidStateError");
  }

  async resume() {
    this._check();
  }

  async close() {
    this._check();
    this.state = "closed";
  }

  createMediaStreamSource() {
    return new Node(null);
  }
}

const devices = new EventTarget();
devices.getUserMedia = () => browser.asked[browser.asked.push(awaited()) - 1].promise;

Object.assign(globalThis, { AudioContext: Context, AudioWorkletNode: Node, MediaStream: Stream });
globalThis.document = {
  addEventListener: (_, listener) => browser.listeners.add(listener),
  removeEventListener: (_, listener) => browser.listeners.delete(listener),
};
Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: devices, userActivation: { hasBeenActive: true } }, configurable: true });
export { devices };
