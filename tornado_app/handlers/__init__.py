"""Tornado's callbacks, translated into events and values.

They decide nothing: what an event means is the session's business, who may come in the gateway's.
"""
