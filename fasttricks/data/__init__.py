"""Data sets: where the encoded pictures are and what is known of them before decoding."""

from fasttricks.data.folder import loose_pictures, scan_folder
from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples

__all__ = ["Samples", "loose_pictures", "open_data", "scan_folder"]
