"""From runs to figures: what one run says, what several seeds of it say together, and one policy beside another."""
