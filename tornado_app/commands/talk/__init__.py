"""``run.py talk``: a client that speaks a recording, listens to the answer, and says how it went.

For people who see Parley for the first time: all that can go wrong is one sentence here.
What a gateway does belongs elsewhere.
"""
