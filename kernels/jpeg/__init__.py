"""Cutting a crop out of a JPEG before it is decoded: Huffman codes walked, noted and rewritten."""
