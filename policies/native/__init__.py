"""The kernels as machine code: compiled once by numba, linked to a shared library, loaded without numba.

A process that decides needs neither the compiler (60 MB) nor its call convention (3 µs): a call is one pointer to the
fleet's matrix, one to the request's scalars, one to the cached tokens.
"""
