"""What is said in the recordings of tests/data, and how well something was understood."""

import re

from local_realtime.brain.numerals import with_digits

TEXTS = {
    "leisure": "and mister john dashwood had then leisure to consider how much there might be "
    "prudently in his power to do for them",
    "selfish": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "amiable": "he might even have been made amiable himself",
}


def words(text):
    plain = with_digits(text.lower().replace("mr.", "mister").replace("-", " "))
    return re.sub(r"[^\w ]", "", plain).split()


def errors(said, heard):
    """How many words are wrong, missing, or too many."""
    said, heard = words(said), words(heard)
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            best = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], best
    return row[-1]


def error_rate(pairs):
    return sum(errors(*pair) for pair in pairs) / sum(len(words(said)) for said, _ in pairs)
