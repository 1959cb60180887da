"""A smoothop handler that loads files of rows into tables of a SQLite file."""

from smoothop_tables.errors import BadFileError, LoadError
from smoothop_tables.handler import Tables
from smoothop_tables.settings import TablesSettings

__all__ = ["BadFileError", "LoadError", "Tables", "TablesSettings"]
