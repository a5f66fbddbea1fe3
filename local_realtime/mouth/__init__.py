"""What speaks: text in pieces, and voices.

It takes words and gives samples; which words is decided by a brain.
"""
