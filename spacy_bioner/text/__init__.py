"""What the tokenizer and the encoder see of a text."""
