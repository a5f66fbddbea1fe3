"""The conversation: items, responses, configuration, usage; frames and time in, outputs out.

Pure: no socket, no clock.  Who thinks of an answer stands behind the seam of `responder`.
"""
