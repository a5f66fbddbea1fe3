"""Files that were cut, joined or written into a pipe, as files that a decoder reads to the end.

Only what frames the audio is read here, as bytes; what decodes audio belongs to `containers`.
"""
