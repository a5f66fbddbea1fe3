// What a page does with @openai/agents-realtime, as its readers write it.
const { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } = OpenAIAgentsRealtime;

const getWeather = tool({
  name: 'get_weather',
  description: 'The weather in a city.',
  strict: false,
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: true,
  },
  execute: async ({ city }) => `It is clear in ${city}`,
});

/** What is said in answer to each of *texts*, and what the page has of its call. */
window.talk = async (url, apiKey, texts) => {
  const transport = new OpenAIRealtimeWebSocket({ url });
  const agent = new RealtimeAgent({ name: 'Local', instructions: 'Be brief.', tools: [getWeather] });
  const session = new RealtimeSession(agent, { transport });
  const errors = [];
  let bytes = 0;
  session.on('error', ({ error }) => errors.push(String(error?.error?.message ?? error)));
  session.on('audio', ({ data }) => (bytes += data.byteLength));
  await session.connect({ apiKey });
  const said = [];
  for (const text of texts) {
    const answer = new Promise((resolve) => {
      const hear = (event) => {
        if (event.type === 'response.output_audio_transcript.done') {
          session.off('transport_event', hear);
          resolve(event.transcript);
        }
      };
      session.on('transport_event', hear);
    });
    session.sendMessage(text);
    said.push(await answer);
  }
  const { protocol } = transport.connectionState.websocket;
  session.close();
  return { said, errors, bytes, protocol };
};
window.isLoaded = true;
