"""The encoder as a layer of thinc: word pieces, windows, weights, and fast prediction."""
