"""Samples in memory and on the wire: PCM, G.711, base64, rates.

Only arithmetic on sound belongs here.
"""
