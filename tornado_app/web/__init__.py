"""What browsers load from this server, as it is served, and `files.py`, which reads it.

No Python that answers: who may have a file, and with which headers, is in `handlers/`.
"""
