"""Find, train and hand over transformer models that recognise DSM-5 symptoms and show the evidence."""

__version__ = "0.1.0"
