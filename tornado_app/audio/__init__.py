"""Ordered lanes that lend audio to the pool and to the process that decodes files.

It keeps the order and the bounds; computing on samples belongs to `workers`.
"""
