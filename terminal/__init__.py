"""What every program of this house does with its standard streams and with signals before it runs.

It knows how words reach a person, and nothing of what they say; nothing here imports the others.
"""
