"""Files over one session: what is to be moved, how it is moved, and how it becomes visible whole or not at all."""
