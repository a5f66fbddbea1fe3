// A call by the npm package `openai`, by either of its classes: `node openai_calls.mjs CLASS STORY`.
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import WebSocket from 'ws';
import { apiKey, baseURL, model, silence, speech, tell } from './options.mjs';

// What a page has of itself, and Node only from its version 22 on.
globalThis.WebSocket ??= WebSocket;

const CLASSES = { OpenAIRealtimeWebSocket, OpenAIRealtimeWS };
const CHUNK_BYTES = 4800;
const TRANSCRIBED = 'conversation.item.input_audio_transcription.completed';
const SAID = 'response.output_audio_transcript.done';
const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

class Call {
  errors = [];
  #heard = [];
  #wake = () => {};

  constructor(Class, target = { model }) {
    const client = new OpenAI({ baseURL, apiKey });
    this.realtime = new Class(target, client);
    this.realtime.on('error', (error) => this.errors.push(error.error ?? String(error)));
    this.realtime.on('event', (event) => {
      this.#heard.push(event);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.realtime.socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
    });
    this.opened = new Promise((resolve, reject) => {
      this.realtime.socket.addEventListener('open', resolve);
      this.closed.then(reject);
    });
  }

  /** All events up to the first of a type, which is the last of them. */
  async until(type) {
    for (;;) {
      const at = this.#heard.findIndex((event) => event.type === type);
      if (at >= 0) return this.#heard.splice(0, at + 1);
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  send(type, fields = {}) {
    this.realtime.send({ type, ...fields });
  }

  update(session) {
    this.send('session.update', { session: { type: 'realtime', ...session } });
  }

  write(text) {
    const content = [{ type: 'input_text', text }];
    this.send('conversation.item.create', { item: { type: 'message', role: 'user', content } });
    this.send('response.create');
  }

  speak(pcm) {
    for (let start = 0; start < pcm.length; start += CHUNK_BYTES) {
      const audio = pcm.subarray(start, start + CHUNK_BYTES).toString('base64');
      this.send('input_audio_buffer.append', { audio });
    }
  }

  /** What is said in answer to a text. */
  async ask(text) {
    this.write(text);
    return said(await this.until('response.done'));
  }
}

function said(events) {
  return events
    .filter(({ type }) => type === SAID)
    .map(({ transcript }) => transcript)
    .join(' ');
}

const stories = {
  async text(call) {
    tell({ said: await call.ask('What is twelve times seven?') });
  },

  async lost(call) {
    tell({ first: await call.ask('What is twelve times seven?'), said: await call.ask('Spell cab.') });
  },

  async speech(call) {
    call.update({ audio: { input: { transcription: { model: 'whisper-1' } } } });
    call.speak(Buffer.concat([speech, silence(900)]));
    const [heard] = (await call.until(TRANSCRIBED)).slice(-1);
    tell({ heard: heard.transcript, said: said(await call.until('response.done')) });
  },

  async tool(call) {
    call.update({ tools: [WEATHER] });
    call.write('What is the weather in Paris?');
    const [{ response }] = (await call.until('response.done')).slice(-1);
    const [{ name, call_id, arguments: given }] = response.output;
    const output = `It is clear in ${JSON.parse(given).city}`;
    call.send('conversation.item.create', { item: { type: 'function_call_output', call_id, output } });
    call.send('response.create');
    tell({ called: name, said: said(await call.until('response.done')) });
  },

  async barge_in(call) {
    call.write(`Say ${'blue and green. '.repeat(100)}`);
    const [delta] = (await call.until('response.output_audio.delta')).slice(-1);
    call.speak(speech);
    await call.until('input_audio_buffer.speech_started');
    const cut = { item_id: delta.item_id, content_index: 0, audio_end_ms: 50 };
    call.send('conversation.item.truncate', cut);
    await call.until('conversation.item.truncated');
    call.speak(silence(900));
    await call.until('input_audio_buffer.committed');
    tell({ said: said(await call.until('response.done')) });
  },

  async error(call) {
    call.send('conversation.item.retrieve', { item_id: 'item_x', event_id: 'mine' });
    const [{ error }] = (await call.until('error')).slice(-1);
    tell({ said: await call.ask('Spell cab.'), code: error.code, event: error.event_id });
  },

  async transcription(call) {
    const input = { transcription: { model: 'gpt-transcribe' } };
    call.send('session.update', { session: { type: 'transcription', audio: { input } } });
    call.speak(Buffer.concat([speech, silence(900)]));
    const [heard] = (await call.until(TRANSCRIBED)).slice(-1);
    tell({ heard: heard.transcript });
  },

  async wrong_key(call) {
    const { code, reason } = await call.closed;
    tell({ code, reason: String(reason) });
  },
};

const [className, name] = process.argv.slice(2);
const target = name === 'transcription' ? { intent: 'transcription' } : { model };
const call = new Call(CLASSES[className], target);
await call.opened;
if (name !== 'wrong_key') await call.until('session.created');
await stories[name](call);
tell({ errors: call.errors });
call.realtime.close();
