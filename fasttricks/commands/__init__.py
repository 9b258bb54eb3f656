"""One command of the command line per file: a frozen dataclass that tyro turns into flags.

Nothing here imports torch, numba or a back end before the flags are understood.
"""
