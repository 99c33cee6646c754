"""What heads are trained for, one file each: labels, and examples with the group that may not be split."""
