"""The doctor: looks at a data set and says what is broken, and what is merely worth knowing.

`scan` looks at every picture, `sample` at one; `docs/doctor.md` says what is looked at and why.
"""
