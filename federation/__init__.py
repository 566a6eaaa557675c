"""What nodes agree on: statistics, models, membership, sealing and fusion.

Sans-IO: no clock, no sockets, no randomness of its own. `member.Federation` is the protocol's one entrance.
"""
