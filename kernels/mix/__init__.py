"""Pictures and targets made of several: what a mix is, its draws, and what carries it out."""
