// The stories of tests/clients/test_agents_realtime.py: `node stories.mjs NAME`.
import { tool } from '@openai/agents-realtime';
import WebSocket from 'ws';
import { z } from 'zod';
import { bytesOf, Call } from './call.mjs';
import { apiKey, silence, speech, tell } from './options.mjs';

const SERVER_VAD = { type: 'server_vad', silenceDurationMs: 500 };

const getWeather = tool({
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    tell({ called: 'get_weather', city });
    return `It is clear in ${city}`;
  },
});

const detecting = (turnDetection) => ({ config: { audio: { input: { turnDetection } } } });

const stories = {
  async textTurn(call) {
    let bytes = 0;
    call.session.on('audio', ({ data }) => (bytes += data.byteLength));
    const said = await call.ask('What is twelve times seven?');
    const texts = call.session.history.map(({ content }) => content[0].text ?? content[0].transcript);
    tell({ said, bytes, texts, usage: call.session.usage.totalTokens });
  },

  async voiceTurn(call) {
    const heard = call.next('conversation.item.input_audio_transcription.completed');
    // The SDK asks for the item again, and shows in its history what it gets.
    const retrieved = call.next('conversation.item.retrieved');
    const over = call.next('response.done');
    call.speak(Buffer.concat([speech, silence(900)]));
    await Promise.all([heard, retrieved, over]);
    const texts = call.session.history.map(({ content }) => content[0].transcript);
    tell({ heard: (await heard).transcript, texts });
  },

  async functionCall(call) {
    const ended = new Promise((resolve) => {
      call.session.on('agent_tool_end', (_context, _agent, { name }, result) => resolve({ name, result }));
    });
    const told = call.next('response.output_audio_transcript.done');
    call.session.sendMessage('What is the weather in Paris?');
    tell({ ended: await ended, said: (await told).transcript });
  },

  async bargeIn(call) {
    const interrupted = new Promise((resolve) => call.session.on('audio_interrupted', resolve));
    const audio = new Promise((resolve) => call.session.once('audio', resolve));
    const cancelled = call.next('response.done');
    const truncated = call.next('conversation.item.truncated');
    call.session.sendMessage(`Say ${'blue and green. '.repeat(100)}`);
    await audio;
    call.speak(speech);
    await interrupted;
    const { response } = await cancelled;
    const item = response.output[0].id;
    tell({ details: response.status_details, itsOwn: (await truncated).item_id === item });
    const answered = call.next('response.done');
    call.speak(silence(5000));
    tell({ status: (await answered).response.status });
  },

  async manualCommit(call) {
    const chunks = [];
    call.session.on('audio', ({ data }) => chunks.push(Buffer.from(data)));
    const over = call.next('response.done');
    call.speak(speech.subarray(0, -4800));
    call.session.sendAudio(bytesOf(speech.subarray(-4800)), { commit: true });
    call.transport.requestResponse();
    await over;
    tell({ isWhole: Buffer.concat(chunks).equals(speech) });
  },

  async errorRecovery(call) {
    const refused = call.next('error');
    call.session.sendAudio(new ArrayBuffer(2), { commit: true });
    await refused;
    const refusedAgain = call.next('error');
    call.transport.requestResponse({ conversation: 'nowhere' });
    await refusedAgain;
    tell({ said: await call.ask('Spell cab.') });
  },

  async lost(call) {
    tell({ first: await call.ask('What is twelve times seven?'), said: await call.ask('Spell cab.') });
  },

  async browser(call) {
    tell({ said: await call.ask('Spell cab.'), protocol: call.transport.connectionState.websocket.protocol });
  },
};

// As a page does it, which can set no header.
const createWebSocket = async ({ url }) =>
  new WebSocket(url, ['realtime', `openai-insecure-api-key.${apiKey}`, 'openai-agents-sdk.0.20.0']);

const options = {
  voiceTurn: detecting(SERVER_VAD),
  manualCommit: detecting(null),
  functionCall: { tools: [getWeather] },
  browser: { transport: { createWebSocket } },
};

const name = process.argv[2];
const call = new Call(options[name]);
await call.connect();
await stories[name](call);
tell({ errors: call.errors, unknown: call.unknown });
call.session.close();
