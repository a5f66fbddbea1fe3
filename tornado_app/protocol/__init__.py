"""Pure text <-> values, a folder for each dialect, and what all of them share: how a call can end.

What is done with a value belongs to `session`; when it is sent, to whoever performs that.
"""
