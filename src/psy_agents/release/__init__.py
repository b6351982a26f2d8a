"""A refitted agent made ready for others: model card, data statement, ONNX, and publishing, which asks first."""
