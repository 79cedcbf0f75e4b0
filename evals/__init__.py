"""Measure how well questions are answered, and whether a change made it better."""
