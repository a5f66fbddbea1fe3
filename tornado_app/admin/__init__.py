"""What an operator sees of a gateway and does with it while it runs, and what is kept of that.

Not who may, nor how it is asked: that is in `handlers/admin`; and nothing that a caller says.
"""
