"""Makes, trains and evaluates the model that ships with Millrace."""
