"""The models of a machine for several web processes: one process, the keeper, holds them, and each web process asks it.

`keeper` is that process, `keeping` starts it and starts it again, `asking` is the web processes' side and gives them engines like
those of one process; `packing` is what crosses between them. Frames and sockets are those of modelhost.
"""
