// A call by @openai/agents-realtime, as its users write it, and what the stories need to tell.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime';
import { apiKey, url } from './options.mjs';

const CHUNK_BYTES = 4800;

export class Call {
  /** Everything the server sent, in order. */
  events = [];
  errors = [];
  #known = new Set();
  #waiting = [];

  constructor({ tools = [], config = {}, transport = {} } = {}) {
    const agent = new RealtimeAgent({ name: 'Local', instructions: 'Be brief.', tools });
    this.transport = new OpenAIRealtimeWebSocket({ url, ...transport });
    this.session = new RealtimeSession(agent, { transport: this.transport, config });
    this.session.on('error', ({ error }) => this.errors.push(error?.error ?? String(error)));
    this.session.on('transport_event', (event) => this.#take(event));
  }

  #take(event) {
    // The transport hands on what fits its schemas under the event's own name, and nothing else.
    if (!this.events.some(({ type }) => type === event.type)) {
      this.transport.on(event.type, () => this.#known.add(event.type));
    }
    this.events.push(event);
    this.#waiting = this.#waiting.filter(({ wanted, resolve }) => {
      const isIt = wanted(event);
      if (isIt) resolve(event);
      return !isIt;
    });
  }

  /** Types of events that the SDK could not make sense of. */
  get unknown() {
    return [...new Set(this.events.map(({ type }) => type))].filter(
      (type) => !this.#known.has(type),
    );
  }

  connect() {
    return this.session.connect({ apiKey });
  }

  /** The next event of a type. */
  next(type) {
    return new Promise((resolve) => {
      this.#waiting.push({ wanted: (event) => event.type === type, resolve });
    });
  }

  speak(pcm) {
    for (let start = 0; start < pcm.length; start += CHUNK_BYTES) {
      this.session.sendAudio(bytesOf(pcm.subarray(start, start + CHUNK_BYTES)));
    }
  }

  /** What is said in answer to a text. */
  async ask(text) {
    const done = this.next('response.output_audio_transcript.done');
    const over = this.next('response.done');
    this.session.sendMessage(text);
    await over;
    return (await done).transcript;
  }
}

/** The bytes of a buffer in an ArrayBuffer of their own. */
export function bytesOf(buffer) {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}
