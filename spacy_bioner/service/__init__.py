"""Pipelines as a web service: formats of text mining in and out, a page, Label Studio's protocol."""
