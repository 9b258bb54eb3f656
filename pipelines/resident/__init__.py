"""The pipeline `resident`: pictures are decoded once, and kept in shared or in device memory."""
