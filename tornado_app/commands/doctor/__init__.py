"""``run.py doctor``: the whole way of a deployment, tried step by step, with what to do about it.

What is reported holds no secret; what a gateway does, and how its own client talks, belongs
elsewhere.
"""
