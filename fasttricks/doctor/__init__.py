"""The doctor: looks at machine and data, says what is broken, and what to use and do.

`diagnosis` looks at the whole and gives advice, `scan` looks at every picture, `sample` at one;
`docs/doctor.md` says what is looked at and why.
"""
