"""The way to the model: where it is, a link's socket and thread, the local model's process.

It carries messages and says how a link ended.  Whether to dial again is decided in `session`.
"""
