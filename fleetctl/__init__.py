"""Run commands, move files and play scripted jobs on many machines over SSH."""

__version__ = "0.1.0"
