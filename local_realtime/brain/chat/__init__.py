"""A chat model behind an OpenAI-compatible endpoint: its options, request, stream.

Only what such an endpoint needs belongs here; `brain` does without it.
"""
