"""What the API answers, as models: the OpenAPI document is made of them."""
