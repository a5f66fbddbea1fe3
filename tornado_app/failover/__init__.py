"""Which of several upstreams a call is dialled at: their order, their breakers, one call's way.

Pure, with `now` as an argument, and shared by all calls of the process.  Who dials is elsewhere.
"""
