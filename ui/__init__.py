"""Show the chat window."""
