"""What changes a gait: doses of scoliosis, depression and distractors, and how well anybody could tell them apart."""
