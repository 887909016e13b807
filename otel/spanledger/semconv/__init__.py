"""The vocabulary: every name we read or write, once. `registry/` is the source, `names` is generated from it."""
