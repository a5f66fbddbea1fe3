"""Tornado's callbacks, translated.  They decide nothing."""
