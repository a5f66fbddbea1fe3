"""Opus in packets, without a file around them: libopus, and the chains of work around it.

libopus is spoken to in `library` only, which holds no state of any stream between two calls; what
packets say of themselves is in `workers.opus_packets`, and needs none of this.
"""
