"""Public gait data sets and data of one's own, in the layouts in which their users already hold them."""
