"""A run as one page for a browser: it shows itself without a network, and what hosts sent stays text in it."""
