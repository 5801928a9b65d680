"""Alembic migrations of the clinic's database; ``Database.upgrade()`` runs them."""
