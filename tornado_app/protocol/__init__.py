"""Pure text <-> values: what is asked and told, a folder for each dialect that spells it, and how a
call can end.

What is done with a value belongs to `session`; when it is sent, to whoever performs that.
"""
