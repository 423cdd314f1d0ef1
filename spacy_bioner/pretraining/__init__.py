"""How an encoder is pretrained: text, vocabulary, packed word pieces, training, model card."""
