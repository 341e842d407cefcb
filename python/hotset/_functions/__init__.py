"""What is known of a function that is decorated.

- ``spec``: its parameters, and what the user wants of its results
- ``tags``: templates over its parameters
"""
