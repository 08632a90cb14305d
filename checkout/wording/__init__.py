"""What pages and mail share of words: the languages, opening hours, how to reach a store, the templates."""
