"""Run commands, move files and play scripted jobs on many machines over SSH."""
