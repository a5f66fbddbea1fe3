"""What hears: voice activity, turns, speech to text.

It takes samples and gives words or times; what a session makes of them is not its business.
"""
