"""Who decides what of a call: which fields it has, how each is checked, and who may set it to what.

Pure values and functions; where the words come from (files, tokens, addresses, messages) and what
becomes of them belongs elsewhere.
"""
