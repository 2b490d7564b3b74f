"""Texts as clean HTML: answers while they grow, questions, and the texts an operator writes. No Flask in here."""
