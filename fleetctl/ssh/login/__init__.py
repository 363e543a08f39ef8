"""Proving who we are: keys, certificates, agents, passwords, and what servers ask."""
