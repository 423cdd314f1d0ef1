"""Corpora: from files to the .spacy files that pipelines are trained and scored on."""
