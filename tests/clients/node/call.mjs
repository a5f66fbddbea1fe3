// A call by @openai/agents-realtime, as its users write it, and what the stories need to tell.
import { readFileSync } from 'node:fs';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime';

const MS_BYTES = 48;

export const { url, apiKey, speech, silence } = readOptions();

function readOptions() {
  const options = JSON.parse(process.env.PARLEY_CALL);
  const pcm = options.speech ? readFileSync(options.speech) : Buffer.alloc(0);
  return { ...options, speech: pcm, silence: (ms) => Buffer.alloc(ms * MS_BYTES) };
}

/** One line of the story for the test that reads it. */
export function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

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
    for (let start = 0; start < pcm.length; start += 100 * MS_BYTES) {
      this.session.sendAudio(bytesOf(pcm.subarray(start, start + 100 * MS_BYTES)));
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
