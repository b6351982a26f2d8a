"""Export and publication of a refitted agent: model card, data statement, export formats, upload after confirmation."""
