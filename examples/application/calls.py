"""What holds for one call, by who is calling: the instructions and the tools of its client."""

CITIES = {"alice": "Oxford", "bob": "Paris"}

SET_COLOUR = {
    "name": "set_colour",
    "description": "Paint the page in a colour.",
    "parameters": {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "green", "blue"]}},
        "required": ["colour"],
    },
}


def session_for(user):
    """The claim `parley_session`; it is sealed, and its user is shown nothing of it."""
    return {
        "instructions": "You help {user_id}, who lives in {metadata.city}. Be brief.",
        "metadata": {"city": CITIES[user]},
        "history": [
            {"role": "user", "text": "Is my parcel on its way?"},
            {"role": "assistant", "text": "Yes. It will be there on Friday."},
        ],
        "tools": [SET_COLOUR],
    }
