"""Variants: the same music slower, higher, shifted, softer or noisier.

They serve as further copies of the training tracks, or to find out what a model makes of music that
is not quite as it was. `names` is the little language in which a study asks for them (and can be
read without loading any of the rest), `make` makes them, `stretch` is the phase vocoder that does
so, and `noise` adds noise.
"""
