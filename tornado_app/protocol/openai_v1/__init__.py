"""The Realtime API as its own clients speak it: how they are read, and how they are answered.

What becomes of what they ask is for `tornado_app.session.relaying`.
"""
