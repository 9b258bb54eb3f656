"""`fasttricks bench --kernels`: array-in array-out code by itself, against what people use today.

A kernel is added by a module with a function that gives its `Case`s, named in `cases.ALL`.
"""
