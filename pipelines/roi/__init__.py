"""The pipeline `roi`: our own threads decode only what the crop needs."""
