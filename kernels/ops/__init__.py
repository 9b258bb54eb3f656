"""The operations of AutoAugment and its like on uint8 pixels."""
