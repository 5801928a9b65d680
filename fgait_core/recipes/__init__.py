"""Readable procedures: pre-train, fine-tune, measure and package."""
