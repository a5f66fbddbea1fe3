"""Behaviour: events in, commands out, `now` is an argument.

Pure: no I/O, no clock, no thread, no numpy, and no spelling of either side's messages.
"""
