"""Ridgeline, a small made-up bicycle brand: its site, on an origin of its own, with the checkout embedded three ways.

It is what a brand would write: it knows the service by its address alone and imports nothing of it.
"""

from checkout.demo_site.app import create_site
from checkout.demo_site.products import PICTURED
from checkout.demo_site.running import running_site

__all__ = ["PICTURED", "create_site", "running_site"]
