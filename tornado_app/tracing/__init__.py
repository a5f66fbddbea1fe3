"""What calls tell of themselves as spans: a story of each, for a collector of OpenTelemetry.
Not what happens: sessions say that as facts, as they do for log and metrics; and nobody's words,
audio, tokens or address.
"""
