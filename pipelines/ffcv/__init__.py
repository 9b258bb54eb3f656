"""The pipeline `ffcv`: FFCV's reader and threads, with a decoder that carries out our plan."""
