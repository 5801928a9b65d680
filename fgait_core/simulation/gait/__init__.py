"""How people walk: healthy gaits by sex and age, drawn from real ones, where a walk goes, and what a gait measures."""
