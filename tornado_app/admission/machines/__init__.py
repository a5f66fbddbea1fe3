"""What several machines count together, in Redis or Valkey: who has a place, and until when.

It asks and notes, and never waits longer than it may; who comes in without an answer is decided by
the rules that it is given.
"""
