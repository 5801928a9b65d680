"""Training data: labels, shards of bit-packed silhouettes, clip sampling, augmentation."""
