"""A headless checkout backend: carts of a brand's site become orders at local stores."""

__version__ = "0.1.0"
