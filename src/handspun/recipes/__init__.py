"""Recipes: everything that decides a training as plain data, and the code that turns it into a trained network.

It may use every room but the command line and the app. Begin with ``settings.py``, then ``run.py``.
"""

from handspun.recipes.recipe import Recipe, load_recipe, recipe_names
from handspun.recipes.settings import Settings

__all__ = ["Recipe", "Settings", "load_recipe", "recipe_names"]
