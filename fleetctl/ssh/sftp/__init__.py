"""SFTP version 3, as a client that has many requests under way at once."""
