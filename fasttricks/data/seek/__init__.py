"""The seek index: where in a JPEG each tile begins, kept in a file beside the pictures."""
