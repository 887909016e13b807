"""Sums of calls, kept so that answers need not read calls: which there are, how rows get into them, how they are read.

Sums of minutes are written with the rows; longer ones are made of those when minutes are over.
"""
