"""Tests of tornado_app/watching/telephone.py: G.711 as what levels and ears take."""

import numpy as np

from tornado_app.session.record import AnswerSound, Words
from tornado_app.watching.telephone import Telephone
from workers.codecs import encode


def test_no_answer_begins_with_the_end_of_the_one_before():
    """What was held back of that is of that, to the last sample."""
    telephone, sounds = Telephone(), dict[str, bytes]()
    loud = encode(np.full(800, 0.5, np.float32), "pcmu")
    silent = encode(np.zeros(800, np.float32), "pcmu")
    for item_id, data in (("a", loud), ("a", loud), ("b", silent), ("c", silent)):
        for entry in telephone.plain(AnswerSound(item_id, data, "pcmu")):
            sounds[entry.item_id] = sounds.get(entry.item_id, b"") + entry.pcm

    assert ["a", "b", "c"] == list(sounds)
    assert (9600, 4800) == (len(sounds["a"]), len(sounds["b"]))
    assert 0 == np.abs(np.frombuffer(sounds["b"], "<i2")).max()


def test_what_is_no_sound_stays_as_it_is():
    words = Words(1.0, "user", "item_u", "Hello.")

    assert [words] == list(Telephone().plain(words))
