"""Texts that a pipeline of the tests has learned by heart, with their mentions."""

KNOWN = [
    (
        "BRCA1 breast cancer risk\nAspirin treats pain in mice.",
        [(0, 5, "Gene"), (0, 19, "Disease"), (25, 32, "Chemical"), (40, 44, "Disease"), (48, 52, "Species")],
    ),
    ("human insulin gene\nNo entity here.", [(0, 5, "Species"), (0, 13, "Gene"), (6, 13, "Chemical")]),
    ("EGFR KRAS\nTP53 and all that.", [(0, 4, "Gene"), (5, 9, "Gene"), (10, 14, "Gene")]),
    ("No entity here.\nAt all.", []),
]
