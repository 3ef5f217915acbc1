"""Recipes: everything that decides a training, as plain data, and what turns it into a trained network."""

from handspun.recipes.recipe import Recipe, load_recipe, recipe_names
from handspun.recipes.settings import Settings

__all__ = ["Recipe", "Settings", "load_recipe", "recipe_names"]
