"""From a gait to silhouettes: posing the body, camera, filling its outline, alignment, poses and parts of the body."""
