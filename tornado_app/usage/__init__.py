"""What calls have used and what that costs: a record of each answer, each turn written down, each
tool and each call, and where they are kept.

Not what anybody may use: that is for `admission`; and nobody's words, audio or tokens.
"""
