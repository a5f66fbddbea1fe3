"""What is answered: rules and skills on a dialogue in words, or a chat model asked for it.

It knows words and functions, no sound and no session.
"""
