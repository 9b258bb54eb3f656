"""The bag of tricks: one trick a file, one card each (`fasttricks tricks`, docs/tricks.md).

Nothing is imported here: schedules, sizes and cards are read without torch.
"""
