"""The pipeline `dali`: NVIDIA DALI decodes what our plan says."""
