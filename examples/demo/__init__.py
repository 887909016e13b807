"""`make demo`: the recommender, instrumented by environment variables alone, and what that shows."""
