"""The conversation as it really was, for whoever has to be told of it: the next model above all.

What both sides said and what of it was heard belongs here; what is to be done about it does not.
"""
