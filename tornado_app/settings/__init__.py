"""What may be set: the schema, reading it from files and environment, what contradicts itself.

Its values are frozen and know nothing of who uses them.  Defaults stand in `conf/gateway.toml`.
"""
