"""A run told to a reader: a page that needs nothing but itself, and a model card.

chosen.py and measured.py read what stages wrote, origin.py what it was made with, left_out.py what it was not made of;
tables.py, glance.py and pictures.py lay it out, limits.py says what it does not show; page.py and card.py write it.
No stage imports any of these.
"""
