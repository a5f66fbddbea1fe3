"""Who may come in, and how much they may have: tokens, origins, proxies, limits.

Each is a rule that can be asked without a socket; whoever asks them in order is the gateway.
"""
