"""English speech to text by Moonshine tiny.  Thread: any."""

from typing import Any

import numpy as np

from local_realtime.ears.packages import model_file, open_model
from local_realtime.sound.resampling import HEARING_HZ, Samples

PACKAGE = "moonshine_voice"
BEFORE_SECONDS, AFTER_SECONDS = 0.3, 0.5
"""Silence around it helps it with short words."""

BEGIN_TOKEN, END_TOKEN = 1, 2
TOKENS_PER_SECOND = 6.5
SPARE_TOKENS = 8
LOOP_TOKENS, LOOP_TIMES = 16, 3
"""Up to so many tokens that come so many times in a row are a loop, not speech."""


class Moonshine:
    """Reads up to half a minute at once; give it nothing but speech, as it invents the rest."""

    def __init__(self) -> None:
        folder = "assets/tiny-en"
        self._encoder = open_model(model_file(PACKAGE, f"{folder}/encoder_model.ort"))
        self._decoder = open_model(model_file(PACKAGE, f"{folder}/decoder_model_merged.ort"))
        tokenizer = model_file(PACKAGE, f"{folder}/tokenizer.bin")
        self._pieces = read_tokenizer(tokenizer.read_bytes())
        inputs = self._decoder.get_inputs()
        self._empty_past: dict[str, Any] = {
            one.name: np.zeros((1, one.shape[1], 0, one.shape[3]), np.float32)
            for one in inputs
            if one.name.startswith("past_key_values")
        }
        self._all_outputs = [output.name for output in self._decoder.get_outputs()]
        # The encoder's part does not change after the first step.
        self._next_outputs = [name for name in self._all_outputs if ".encoder." not in name]

    def read(self, signal: Samples) -> str:
        """What is said in *signal*, at 16 kHz."""
        before, after = (round(s * HEARING_HZ) for s in (BEFORE_SECONDS, AFTER_SECONDS))
        padded = np.pad(signal, (before, after))[None]
        mask = np.ones(padded.shape, np.int64)
        inputs = {"input_values": padded, "attention_mask": mask}
        hidden = self._encoder.run(None, inputs)[0]
        limit = int(len(signal) / HEARING_HZ * TOKENS_PER_SECOND) + SPARE_TOKENS
        return text_of(self._decode(hidden, mask, limit), self._pieces)

    def _decode(self, hidden: Any, mask: Any, limit: int) -> list[int]:
        past, tokens = dict(self._empty_past), [BEGIN_TOKEN]
        while len(tokens) <= limit:
            is_first = len(tokens) == 1
            inputs = {
                "input_ids": np.array([tokens[-1:]], np.int64),
                "encoder_hidden_states": hidden,
                "encoder_attention_mask": mask,
                "use_cache_branch": np.array([not is_first]),
                **past,
            }
            wanted = self._all_outputs if is_first else self._next_outputs
            logits, *present = self._decoder.run(wanted, inputs)
            names = (name.replace("present", "past_key_values") for name in wanted[1:])
            past |= zip(names, present, strict=True)
            token = int(logits[0, -1].argmax())
            if token == END_TOKEN:
                break
            tokens.append(token)
            if loop_length(tokens):
                return tokens[1 : -loop_length(tokens) * (LOOP_TIMES - 1)]
        return tokens[1:]


def loop_length(tokens: list[int]) -> int:
    """How many tokens are being repeated at the end; 0 if none are."""
    for length in range(1, LOOP_TOKENS + 1):
        tail = tokens[-length:]
        if (
            len(tokens) > length * LOOP_TIMES
            and tail * LOOP_TIMES == tokens[-length * LOOP_TIMES :]
        ):
            return length
    return 0


def read_tokenizer(data: bytes) -> list[bytes]:
    """The pieces of text by token: each is its length, in one byte or two, and its bytes."""
    pieces, position = [], 0
    while position < len(data):
        length = data[position]
        position += 1
        if length >= 128:
            length = length - 128 + 128 * data[position]
            position += 1
        pieces.append(data[position : position + length])
        position += length
    return pieces


def text_of(tokens: list[int], pieces: list[bytes]) -> str:
    text = b"".join(pieces[token] for token in tokens).decode(errors="replace")
    return text.replace("\N{LOWER ONE EIGHTH BLOCK}", " ").strip()
