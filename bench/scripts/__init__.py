"""`fasttricks bench --train --scripts`: our trainer and the training scripts of others, in turn.

The scripts stay where their authors put them; each is started as its users start it.
"""
