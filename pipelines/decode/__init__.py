"""libjpeg-turbo without the GIL: a crop of a JPEG decoded and resized in compiled code."""
