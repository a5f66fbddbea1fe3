"""A client that conducts its call: what it asks becomes orders, what the model says is shown.

What is asked, shown and hidden is decided here; not who may set what, nor how it is spelled.
"""
