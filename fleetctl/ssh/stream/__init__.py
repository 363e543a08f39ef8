"""Packets and channels, for much data at little cost: under and beside what paramiko does."""
