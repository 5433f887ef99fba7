"""The tasks: what is learned and how it is scored, a folder each; `contract.py` says what it holds and who asks for it.

Beside them lies what tasks share.
"""
