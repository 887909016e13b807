"""The steps. What was released is never changed."""
