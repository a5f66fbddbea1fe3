"""Items that the client knows and the next model is not told of mean what they meant."""

import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_relaying import written
from tornado_app.session.relaying.forgotten import FORGOTTEN_KEPT, Forgotten

CUT = {"content_index": 0, "audio_end_ms": 0}


def put(call, name, before=None):
    item = {"id": name, **written("What is it?"), "status": "completed"}
    call.asks("conversation.item.create", item=item)
    call.says("conversation.item.added", item=item, previous_item_id=before)
    return call.says("conversation.item.done", item=item, previous_item_id=before)


@pytest.fixture
def call():
    """An answer of which nothing was heard is lost, and goes on as another item."""
    call = put(Call().begun(), "item_q")
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    return call.loses_model().finds_model()


def gone_on(call):
    (again,) = [e for e in call.sent if e["type"] == "response.create"]
    tag = again["response"]["metadata"]
    call.answers("resp_9", "item_b", "A towel.", metadata=tag)
    return call


def behind(call, kind, name):
    """Behind what an item stands, as the client was told last."""
    told = [e for e in call.all_shown if e["type"] == kind and e["item"]["id"] == name]
    return told[-1]["previous_item_id"]


def test_the_next_model_is_not_told_of_it(call):
    told = [e["item"]["id"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert ["item_q"] == told


@pytest.mark.parametrize("kind", ["conversation.item.added", "conversation.item.done"])
def test_what_comes_behind_it_is_shown_behind_it(call, kind):
    item = {"id": "item_b", "type": "message", "role": "assistant", "content": []}

    call.says(kind, item=item, previous_item_id="item_q")

    assert "item_a" == behind(call, kind, "item_b")
    call.says(kind, item={**item, "id": "item_c"}, previous_item_id="item_b")
    assert "item_b" == behind(call, kind, "item_c")


def test_what_the_client_puts_behind_it_is_put_behind_what_is_there(call):
    gone_on(call)
    call.asks("conversation.item.create", item=written("And now?"), previous_item_id="item_a")

    assert ["item_q"] == [each["previous_item_id"] for each in call.sent]


def test_with_nothing_before_it_that_is_in_front():
    call = Call().begun()
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    call.loses_model().finds_model()
    call.asks("conversation.item.create", item=written("And now?"), previous_item_id="item_a")

    assert ["root"] == [each["previous_item_id"] for each in call.sent]
    item = {"id": "item_b", "type": "message", "role": "user", "content": []}
    call.says("conversation.item.added", item=item, previous_item_id=None)
    assert "item_a" == behind(call, "conversation.item.added", "item_b")


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("truncate", CUT, {"item_id": "item_a", **CUT}),
        ("delete", {}, {"item_id": "item_a"}),
    ],
)
def test_it_is_cut_and_deleted_without_the_model(call, kind, fields, told):
    call.asks(f"conversation.item.{kind}", item_id="item_a", **fields)

    (event,) = call.shown
    assert {
        "type": f"conversation.item.{kind}d",
        "event_id": "event_item_a_known",
        **told,
    } == event
    assert [] == call.sent


def test_it_is_shown_as_it_is_known(call):
    call.asks("conversation.item.retrieve", item_id="item_a")

    (event,) = call.shown
    assert ("item_a", "incomplete") == (event["item"]["id"], event["item"]["status"])
    assert [""] == [part["text"] for part in event["item"]["content"]]
    assert [] == call.sent


def test_one_that_was_deleted_is_gone(call):
    call.asks("conversation.item.delete", item_id="item_a")
    call.asks("conversation.item.retrieve", item_id="item_a")

    assert ["conversation.item.retrieve"] == [each["type"] for each in call.sent]


def test_it_stays_in_its_place_when_the_one_before_it_goes(call):
    call.asks("conversation.item.delete", item_id="item_q")
    call.says("conversation.item.deleted", item_id="item_q")
    call.asks("conversation.item.create", item=written("And now?"), previous_item_id="item_a")

    assert "root" == call.sent[0]["previous_item_id"]


def test_another_loss_finds_it_again(call):
    gone_on(call)
    call.loses_model().finds_model()
    call.asks("conversation.item.create", item=written("And now?"), previous_item_id="item_a")

    assert ["item_q"] == [each["previous_item_id"] for each in call.sent]


def test_an_answer_that_is_made_of_it_is_made_without_it(call):
    reference = {"type": "item_reference", "id": "item_a"}
    apart = {"conversation": "none", "input": [reference, written("And now?")]}
    gone_on(call).asks("response.create", response=apart)

    assert [written("And now?")] == call.sent[0]["response"]["input"]


def test_what_was_asked_of_it_before_the_loss_is_answered_behind_it():
    call = put(Call().begun(), "item_q")
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    call.asks("conversation.item.truncate", item_id="item_a", **CUT)

    call.loses_model().finds_model()

    cut = [each for each in call.all_shown if each["type"] == "conversation.item.truncated"]
    assert ["item_a"] == [each["item_id"] for each in cut]
    assert "conversation.item.truncate" not in [each["type"] for each in call.sent]


def test_a_cut_that_the_lost_model_had_not_made_is_made_in_the_words():
    call = put(Call().begun(), "item_q")
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    call.says_words("resp_1", "item_a", "A towel, and nothing else at all.")
    call.ends_item("resp_1", "item_a", "A towel, and nothing else at all.").ends("resp_1")
    call.asks("conversation.item.truncate", item_id="item_a", content_index=0, audio_end_ms=300)

    call.loses_model().finds_model()

    cut = [each for each in call.all_shown if each["type"] == "conversation.item.truncated"]
    assert ["item_a"] == [each["item_id"] for each in cut]
    assert "conversation.item.truncate" not in [each["type"] for each in call.sent]
    told = [e["item"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert "nothing else" not in str(told)


def test_of_what_was_forgotten_the_last_is_kept():
    """A client that goes back further is told that there is no such item."""
    forgotten = Forgotten()
    forgotten.note([f"item_{number}" for number in range(FORGOTTEN_KEPT + 1)], set())

    assert "item_0" not in forgotten
    assert "item_1" in forgotten
    assert f"item_{FORGOTTEN_KEPT}" in forgotten


@pytest.mark.parametrize("is_told", [True, False])
def test_an_answer_that_is_cut_to_nothing_is_one_of_them(is_told):
    """The next model was told of it in words, or is about to be, and is not to have it any more."""
    call = put(Call().begun(), "item_q").answers("resp_1", "item_a", "Once upon a time.")
    put(call, "item_z", before="item_a")
    call.loses_model()
    if is_told:
        call.finds_model()
    call.asks("conversation.item.truncate", item_id="item_a", **CUT)
    if not is_told:
        call.finds_model()
    told = [e["item"]["id"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert "item_a" not in told[1:]
    call.asks("conversation.item.create", item=written("And now?"), previous_item_id="item_a")
    assert "item_q" == call.sent[-1]["previous_item_id"]
    call.asks("conversation.item.retrieve", item_id="item_a")
    assert "conversation.item.retrieved" == call.shown[-1]["type"]
    call.asks("conversation.item.delete", item_id="item_a")
    assert "conversation.item.deleted" == call.shown[-1]["type"]


def test_what_is_called_as_one_of_them_was_is_shown():
    """It is gone for the client as well, which gives the name to another."""
    call = put(Call().begun(), "item_q").answers("resp_1", "item_a").loses_model().finds_model()
    call.asks("conversation.item.truncate", item_id="item_a", **CUT)
    call.says("conversation.item.deleted", item_id="item_a")
    call.asks("conversation.item.delete", item_id="item_a")

    put(call, "item_a", before="item_q")

    told = [e["type"] for e in call.all_shown if e.get("item", {}).get("id") == "item_a"]
    assert ["conversation.item.added", "conversation.item.done"] == told[-2:]
