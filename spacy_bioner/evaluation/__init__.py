"""How good a pipeline is: strict precision, recall and F1 by entity type."""
