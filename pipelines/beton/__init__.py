"""The `.beton` files that FFCV reads: their layout, and packing pictures into them."""
