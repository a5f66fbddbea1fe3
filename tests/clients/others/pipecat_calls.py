"""`pipecat-ai`: its realtime services, in a pipeline of their own."""

import asyncio

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from story import (
    KEY,
    LONG,
    MODEL,
    QUESTION,
    SILENCE,
    SPEECH,
    WEATHER,
    WEBSOCKET_URL,
    run,
    spoken,
    tell,
)

HZ = 24_000
DETECTION = events.TurnDetection(type="server_vad", silence_duration_ms=500)


class Ears(FrameProcessor):
    """Notes what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.put_nowait(frame)
        await self.push_frame(frame, direction)

    async def next(self, *kinds: type[Frame]) -> Frame:
        while True:
            frame = await self.frames.get()
            if isinstance(frame, kinds):
                return frame


class Call:
    """A pipeline around one service."""

    def __init__(self, service, question=None, tools=None) -> None:
        self.before, self.ears, self.errors = Ears(), Ears(), []
        messages = [{"role": "user", "content": question}] if question else []
        self.context = LLMContext(messages, tools) if tools else LLMContext(messages)
        pair = LLMContextAggregatorPair(self.context)
        steps = [pair.user(), self.before, service, self.ears, pair.assistant()]
        params = PipelineParams(audio_in_sample_rate=HZ, audio_out_sample_rate=HZ)
        self.task = PipelineTask(Pipeline(steps), params=params)
        self.task.add_event_handler("on_pipeline_error", self._on_error)

    async def _on_error(self, _task, frame) -> None:
        self.errors.append(str(frame.error))

    async def __aenter__(self):
        runner = PipelineRunner(handle_sigint=False)
        self._running = asyncio.ensure_future(runner.run(self.task))
        return self

    async def __aexit__(self, *_) -> None:
        await self.task.cancel()
        await self._running

    async def speak(self, *parts) -> None:
        async for piece in spoken(*parts):
            await self.task.queue_frame(InputAudioRawFrame(piece, HZ, 1))

    async def answer(self) -> str:
        """What is said up to the end of an answer."""
        words = []
        while not isinstance(
            frame := await self.ears.next(TTSTextFrame, LLMFullResponseEndFrame),
            LLMFullResponseEndFrame,
        ):
            words.append(frame.text)
        return "".join(words).strip()

    async def heard_back(self) -> str:
        """The answer that tells what was heard, behind whatever came before."""
        while not (said := await self.answer()).startswith("I heard"):
            pass
        return said


def service():
    hearing = events.AudioInput(
        transcription=events.InputAudioTranscription(model="gpt-4o-mini-transcribe"),
        turn_detection=DETECTION,
    )
    properties = events.SessionProperties(
        instructions="Be brief.", audio=events.AudioConfiguration(input=hearing)
    )
    settings = OpenAIRealtimeLLMService.Settings(model=MODEL, session_properties=properties)
    return OpenAIRealtimeLLMService(api_key=KEY, base_url=WEBSOCKET_URL, settings=settings)


async def azure():
    address = f"{WEBSOCKET_URL.replace('/v1/', '/openai/v1/')}?model={MODEL}"
    await text(AzureRealtimeLLMService(api_key=KEY, base_url=address))


async def text(llm=None):
    async with Call(llm or service(), QUESTION) as call:
        await call.task.queue_frame(LLMRunFrame())
        tell(said=await call.answer(), errors=call.errors)


async def lost():
    async with Call(service(), QUESTION) as call:
        await call.task.queue_frame(LLMRunFrame())
        first = await call.answer()
        await call.speak(SPEECH, SILENCE)
        tell(first=first, said=await call.heard_back(), errors=call.errors)


async def speech():
    async with Call(service()) as call:
        await call.task.queue_frame(LLMRunFrame())
        await call.answer()  # a greeting: asked for while the user speaks it is the turn's answer
        await call.speak(SPEECH, SILENCE)
        heard = await call.before.next(TranscriptionFrame)
        tell(heard=heard.text, said=await call.heard_back(), errors=call.errors)


async def tool():
    llm = service()

    async def get_weather(params):
        tell(called="get_weather", city=params.arguments["city"])
        await params.result_callback(f"It is clear in {params.arguments['city']}")

    llm.register_function("get_weather", get_weather)
    city = {"city": {"type": "string"}}
    schema = FunctionSchema("get_weather", "The weather in a city.", city, ["city"])
    async with Call(llm, WEATHER, ToolsSchema(standard_tools=[schema])) as call:
        await call.task.queue_frame(LLMRunFrame())
        said = ""
        while not said:
            said = await call.answer()
        tell(said=said, errors=call.errors)


async def barge_in():
    async with Call(service(), LONG) as call:
        await call.task.queue_frame(LLMRunFrame())
        await call.ears.next(TTSAudioRawFrame)
        await call.speak(SPEECH)
        await call.ears.next(InterruptionFrame)
        await call.speak(SILENCE)
        tell(said=await call.heard_back(), errors=call.errors)


async def transcription():
    settings = OpenAIRealtimeSTTService.Settings(model="gpt-transcribe")
    detection = {"type": "server_vad", "silence_duration_ms": 500}
    stt = OpenAIRealtimeSTTService(
        api_key=KEY, base_url=WEBSOCKET_URL, settings=settings, turn_detection=detection
    )
    async with Call(stt) as call:
        await call.speak(SPEECH, SILENCE)
        heard = await call.ears.next(TranscriptionFrame)
        tell(heard=heard.text, errors=call.errors)


async def wrong_key():
    async with Call(service(), QUESTION) as call:
        await call.task.queue_frame(LLMRunFrame())
        while not call.errors:
            await asyncio.sleep(0.02)
        tell(refused=" ".join(call.errors))


stories = {
    "text": text,
    "lost": lost,
    "speech": speech,
    "tool": tool,
    "barge_in": barge_in,
    "transcription": transcription,
    "wrong_key": wrong_key,
    "azure": azure,
}
if __name__ == "__main__":
    run(stories)
