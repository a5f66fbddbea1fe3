"""What a person types: arguments in, words on the terminal out.

Nothing that a running gateway needs belongs here, and nobody imports it but `run.py`.
"""
