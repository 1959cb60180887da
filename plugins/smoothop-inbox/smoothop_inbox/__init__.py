"""A smoothop handler that watches a folder and hands each complete file to another worker."""

from smoothop_inbox.handler import Inbox
from smoothop_inbox.settings import Settings

__all__ = ["Inbox", "Settings"]
