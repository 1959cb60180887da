"""A smoothop handler that watches a folder and hands each complete file to another worker."""

from smoothop_inbox.handler import Inbox
from smoothop_inbox.settings import InboxSettings

__all__ = ["Inbox", "InboxSettings"]
