"""Who performs what a model calls: the operator's tools, over HTTP and in Python.

Which of them a call has, and when the model is asked to go on, is decided in `session`.
"""
