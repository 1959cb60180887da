"""Messages: the mailbox they wait in, the receipt of the sender, the way in."""
