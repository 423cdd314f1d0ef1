"""Names and identifiers: knowledge bases, how they are built, kept and searched."""
