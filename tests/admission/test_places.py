"""A place is given back by the last who needs it, and once."""

from tornado_app.admission.counting import Seat
from tornado_app.admission.places import Place


def test_the_last_who_leaves_gives_it_back():
    given = []
    seats = (Seat("connections", "", 2),)
    place = Place(seats, lambda: given.append("back"))
    assert seats == place.seats
    assert place is place.hold().hold()

    place.leave()
    place.leave()
    assert [] == given
    place.leave()
    assert ["back"] == given
