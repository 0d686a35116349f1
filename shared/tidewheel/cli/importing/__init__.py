"""Reads what other schedulers are told, and writes it as jobs. Each module of ``formats`` knows one of them.

Everything here is pure: texts go in, entries come out. What a text does not say is never guessed silently: an entry is
carried over, carried over with differences that give both readings, or refused with what can be done about it.
"""
