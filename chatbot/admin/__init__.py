"""The admin's screens for what happens in the chat; Django's autodiscovery imports this package alone."""

from chatbot.admin import audit, conversations, test_questions, uploads, users

__all__ = ["audit", "conversations", "test_questions", "uploads", "users"]
