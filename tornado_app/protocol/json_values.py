"""How many values stand in a JSON text, told without making them: one takes as long to make as a
hundred letters to read.
"""

VALUES = 10_000
"""A message may have so many; sixty tools with schemas of a hundred lines have fewer."""
SEPARATORS = (",", "[", "{")
"""One of them stands before each value but the outermost."""
STRINGS_FOR_EACH = 2
"""Its name, and itself."""


def has_too_many(text: str) -> bool:
    """Whether there are more than `VALUES`; of what is no JSON, whether there may be."""
    return len(text) > 2 * VALUES and separators_between_strings(text) > VALUES


def separators_between_strings(text: str) -> int:
    """As many as there are values but the outermost, and one more for each list or object."""
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    strings = text.count('"') // 2
    if strings > STRINGS_FOR_EACH * VALUES:
        return strings // STRINGS_FOR_EACH
    # A text may be full of commas: it is taken out before they are counted.
    between_strings = "".join(text.split('"')[::2])
    return sum(map(between_strings.count, SEPARATORS))
