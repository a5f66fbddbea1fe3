/** A gateway that says what a test tells it to, in place of Node's own WebSocket. */

export class Gateway {
  constructor() {
    this.sockets = [];
    const gateway = this;
    globalThis.WebSocket = class {
      constructor(url, protocols) {
        const odd = protocols.find((name) => !/^[!#$%&'*+.^`|~\w-]+$/.test(name));
        if (odd) throw new SyntaxError(`The subprotocol '${odd}' is invalid.`); // as a browser does
        Object.assign(this, { url, protocols, sent: [], bufferedAmount: 0, seq: 0 });
        gateway.sockets.push(this);
        gateway.onopening?.(this);
      }

      send(data) {
        this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
        gateway.onsent?.(this.sent.at(-1), this);
      }

      close(code) {
        this.closedWith = code;
      }

      say(type, data = {}, error = "") {
        this.onmessage({ data: JSON.stringify({ type, data, error, timestamp: 0, seq: ++this.seq }) });
      }

      sound(header, samples) {
        const frame = Int16Array.from(samples, (sample) => sample * 32767).buffer;
        this.say("audio", { item_id: "item", response_id: "response", offset_ms: 0, duration_ms: samples.length / 24, ...header, size: frame.byteLength });
        this.onmessage({ data: frame });
      }

      connect(more = {}) {
        this.onopen?.({});
        const format = { format: "pcm16", rate_hz: 24_000, channels: 1 };
        const negotiated = { input: format, output: { ...format, encoding: "binary" }, turn_detection: this.url.searchParams.get("turn_detection") ?? "server_vad", voice: "marin" };
        this.say("connection_status", { status: "connecting", session_id: `session ${gateway.sockets.length}`, negotiated, ...more });
        this.say("connection_status", { status: "connected", session_id: `session ${gateway.sockets.length}` });
      }

      types() {
        return this.sent.map((message) => message.type ?? "audio");
      }
    };
  }

  get last() {
    return this.sockets.at(-1);
  }
}

/** Resolves when all is done that waits for nothing. */
export const turns = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves when *condition* holds. */
export async function until(condition) {
  for (const deadline = performance.now() + 20_000; !condition(); ) {
    if (performance.now() > deadline) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
