"""Faults on demand and scripts that are played in place of a session, to try clients with.

A server without faults and script does not need it, and nothing below knows of it.
"""
