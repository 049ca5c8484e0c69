"""The model card: what a model was trained on, how good it is, and what it must not be used for."""

from galaxy_export.model_card.card import model_card

__all__ = ["model_card"]
