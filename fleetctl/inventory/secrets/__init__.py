"""References to secrets, and where these are kept."""
