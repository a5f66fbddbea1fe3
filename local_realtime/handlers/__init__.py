"""Tornado's callbacks: who asks, frames in, outputs performed, plain HTTP.

They hold sockets, clocks and tasks; what a frame means is the session's business.
"""
