"""Pictures and targets made of several: what a mix is, its draws, and what carries it out.

Names that are near each other:

- `Mix` (kinds): what is asked for, such as `Mixup(0.2)`; a setting without any pictures.
- `MIXING` (kinds): those of them that mix pictures; the others erase.
- `MIX`, `Mixes` (description): how one output picture is made, a record; an array of these, [B].
- `Mixing` (plan): what was drawn for a batch: its `Mixes`, and which targets get which share.
- `Mixed` (targets): the targets of a mixed batch.
- A variable `mixes` is a tuple of `Mix` where draws are planned, and `Mixes` everywhere else.
"""
