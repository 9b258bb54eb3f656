"""`fasttricks bench --train`: how much of its step's speed a training keeps with real pictures."""
