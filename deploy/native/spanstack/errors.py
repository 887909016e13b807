"""The one exception that ends the program with a sentence for its user."""


class Refusal(Exception):  # noqa: N818  (to its user it is an answer)
    """The stack cannot be built or started here. The message is one sentence that names the thing and the way out."""
