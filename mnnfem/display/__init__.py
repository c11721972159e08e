"""The digit display: coloured material behind windows."""
