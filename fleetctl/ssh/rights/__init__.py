"""A session with the rights of another user, through sudo, su or doas."""
