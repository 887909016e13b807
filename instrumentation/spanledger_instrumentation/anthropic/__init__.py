"""The Anthropic SDK and everything else that speaks the Messages API."""
