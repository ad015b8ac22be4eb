"""Which recipes the lines have loaded, as they tell it, beside those that their jobs want."""
