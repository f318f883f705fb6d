"""What codes mean: drugs, MME factors, conditions, observations.  Data with sources, and a loader that checks it."""

from valuesets.errors import ValueSetError
from valuesets.loader import load_terms
from valuesets.model import Drug, Factor, Ingredient, NamedDrug
from valuesets.terms import Terms

__all__ = ["Drug", "Factor", "Ingredient", "NamedDrug", "Terms", "ValueSetError", "load_terms"]
