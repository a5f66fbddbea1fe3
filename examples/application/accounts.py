"""Who may log in.  Your application has this already, and better: passwords are hashed there."""

import secrets

PASSWORDS = {"alice": "wonderland", "bob": "builder"}
_logged_in = {}


def log_in(name, password):
    """The cookie of who has given the right password, else None."""
    if not secrets.compare_digest(PASSWORDS.get(name, "").encode(), password.encode()):
        return None
    if name not in PASSWORDS:
        return None
    cookie = secrets.token_urlsafe()
    _logged_in[cookie] = name
    return cookie


def user_of(cookie):
    """Who is logged in with it, or None."""
    return _logged_in.get(cookie)
