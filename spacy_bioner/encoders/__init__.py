"""Encoders: where the weights of pretrained transformers come from."""
