"""What was done, kept: events go into SQLite as they come, and are found and told again from there."""
