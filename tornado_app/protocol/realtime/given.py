"""How much the model is given with an order, in tokens at the most, beside the client's sound.

A token of text is a byte of it at least, as the model's alphabet are bytes (BPE of o200k); names
and structure are counted as text.  A picture is 85 tokens and 170 for each of the squares of 512
pixels into which it is cut, of which there are no more than eight, however large it is
(https://platform.openai.com/docs/guides/images-vision#calculating-costs).  Sound in an item is
counted by its length elsewhere, as all that a client says.
"""

from typing import Any, NamedTuple

PICTURE_TOKENS = 85 + 8 * 170
SOUND = "audio"
PICTURE = "image_url"
IN_WORDS = frozenset({"tools", "metadata"})
"""Whatever they call what stands in them, the model reads it as text."""


class Given(NamedTuple):
    """In tokens."""

    text: int = 0
    pictures: int = 0


NOTHING = Given()


def given_in(value: Any) -> Given:
    """Of all that stands in a JSON value, however deep."""
    text = pictures = 0
    found = [(value, False)]
    while found:
        one, is_words = found.pop()
        match one:
            case str() as each:
                text += len(each if each.isascii() else each.encode("utf-8", "replace"))
            case dict() as fields:
                for name, each in fields.items():
                    text += len(name)
                    is_medium = isinstance(each, str) and not is_words
                    if name == PICTURE and is_medium:
                        pictures += 1
                    elif name != SOUND or not is_medium:
                        found.append((each, is_words or name in IN_WORDS))
            case list() | tuple() as values:
                found.extend((each, is_words) for each in values)
            case None:
                pass
            case number:
                text += len(str(number))
    return Given(text, pictures * PICTURE_TOKENS)
