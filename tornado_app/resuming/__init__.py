"""What is kept so that a client whose connection broke can go on: what it was told, who may.

Not what the session does meanwhile, nor how a client asks for it.
"""
