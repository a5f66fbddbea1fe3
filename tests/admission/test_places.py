"""A place is given back by the last who needs it, and once."""

from tornado_app.admission.places import Place


def test_the_last_who_leaves_gives_it_back():
    given = []
    place = Place((), lambda: given.append("back"))
    assert place is place.hold().hold()

    place.leave()
    place.leave()
    assert [] == given
    place.leave()
    assert ["back"] == given
