"""Figures for papers: tables of plain numbers in, matplotlib figures out; nothing here knows a task."""
