"""A smoothop handler that loads files of rows into tables of a SQLite file."""

from smoothop_tables.errors import BadFileError, LoadError
from smoothop_tables.handler import Settings, Tables

__all__ = ["BadFileError", "LoadError", "Settings", "Tables"]
