"""The FoundationGait network: encoder, projector, predictor, teacher and student, heads."""
