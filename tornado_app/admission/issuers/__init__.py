"""Tokens of identity providers: whose they are, with which keys, and where the keys come from.

PyJWT and cryptography check signatures here; what a claim may be is for `claims.py`, who may come
in for the gateway, and what an operator writes for the settings.
"""
