"""What the model is taught: tables only, no phrasing."""
