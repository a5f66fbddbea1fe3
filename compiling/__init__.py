"""The hot path as machine code: what is compiled, from which sources, and when it is loaded.

Nothing here imports the others; docs/decisions/0065-compiled-by-mypyc.md has the reasons.
"""
