"""The dialect of the GPT Realtime API, GA: the events that are read and the orders that are sent.

Only spelling belongs here, with the shapes that `session.update` takes.
"""
