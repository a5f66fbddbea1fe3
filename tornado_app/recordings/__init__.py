"""Calls that are recorded: threads that write down what sessions note, and what is made of that.

What is noted belongs in `session/`; nothing here decides anything of a call, or keeps one waiting.
"""
