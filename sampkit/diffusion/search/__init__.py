"""Searches for one network: the evolution needs NumPy alone, the scoring PyTorch."""
